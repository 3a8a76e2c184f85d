// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "nodes/mil/bag_network.h"
#include "nodes/trainer/training_options.h"

namespace flowrun::torch_nodes {

/// How a model of slides is trained; TrainMil::describe() explains each.
struct BagTrainingOptions : TrainingOptions {
  std::string model = "gated_attention";
  std::int64_t hidden = 512, attention = 256, dimensions = 2048;
  double dropout = 0.25;
  std::int64_t block_tiles = 4096;
  double bag_weight = 0.7;
  std::int64_t k_sample = 8;
  bool subtyping = false;
  std::int64_t intervals = 4;  ///< of survival
};

}  // namespace flowrun::torch_nodes
