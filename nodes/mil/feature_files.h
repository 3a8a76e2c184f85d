// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::torch_nodes {

/// Files of features that a run, or earlier ones, have made.
struct FeatureFiles {
  static constexpr std::string_view packet_type = "torch.feature_files/1";

  std::map<std::string, std::filesystem::path> by_slide;
};

/// A slide whose features are in a file.
struct FeatureFile {
  static constexpr std::string_view packet_type = "torch.feature_file/1";

  std::filesystem::path path;
};

/// "x" of "x.h5", "x.svs", "folder/x.pt": the name by which tables and files of features are matched.
std::string bag_name(std::string_view text);

/// The files of features at places (see wsi::list_slides), by slide; of a slide's HDF5 and .pt the HDF5.
/// Throws Error when a slide has two otherwise.
std::map<std::string, std::filesystem::path> feature_files(const std::vector<std::filesystem::path>& places);

}  // namespace flowrun::torch_nodes
