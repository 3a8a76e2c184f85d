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
  static constexpr std::string_view packet_type = "torch.slide_models/1";

  ModelFacts facts;  ///< of all: task and what the outputs are
  std::vector<std::shared_ptr<BagNetwork>> networks;
  std::string identity;  ///< of their files: what was made with others is made anew
};

/// Reads checkpoints of `train_mil` (best.pt), on the CPU. Throws Error that names the file, also when they
/// are not of one task and of features of one size.
SlideModels read_slide_models(const std::vector<std::filesystem::path>& files);

}  // namespace flowrun::torch_nodes
