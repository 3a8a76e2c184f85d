// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace flowrun::torch_nodes {

/// Files of features that a run, or earlier ones, have made.
struct FeatureFiles {
  static constexpr std::string_view packet_type = "torch.feature_files/1";

  std::map<std::string, std::filesystem::path> by_slide;
};

}  // namespace flowrun::torch_nodes
