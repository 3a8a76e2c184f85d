// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/model.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bag_network.h"

namespace flowrun::torch_nodes {

/// Trained models of slides, one a fold, not training.
struct SlideModels {
  static constexpr std::string_view packet_type = "torch.slide_models/2";

  /// Of all: task and what the outputs are, and the mean of their thresholds (0.5 of those without one), when
  /// one of them has any: what the mean of their probabilities is compared with.
  ModelFacts facts;
  std::vector<std::shared_ptr<BagNetwork>> networks;
  std::vector<std::vector<double>> temperatures;  ///< ModelFacts::temperatures by network
  std::string identity;                           ///< of their files: what was made with others is made anew
};

/// Reads checkpoints of `train_mil` (best.pt), on the CPU. Throws Error that names the file, also when they
/// are not of one task and of features of one size.
SlideModels read_slide_models(const std::vector<std::filesystem::path>& files);

}  // namespace flowrun::torch_nodes
