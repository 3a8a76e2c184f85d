// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::view {

/// A slide that can be looked at.
struct Entry {
  std::string name;
  std::filesystem::path slide;
  std::optional<double> mpp{};  ///< that the run was given, instead of what the slide says
  /// Files and folders that runs made of it.
  std::vector<std::filesystem::path> outputs{};
};

/// What `places` stand for: an output folder of runs (one with .flowrun/done) for the slides that its journal
/// has as done; everything else as list_slides() has it. Sorted by name. No slide is opened. Throws Error
/// when a place stands for no slide.
std::vector<Entry> catalog_of(const std::vector<std::filesystem::path>& places);

/// The files of an entry that can be shown over its slide: tiles.csv, predictions.csv, mask.png and
/// *.geojson. Sorted; links are left out.
std::vector<std::filesystem::path> layers_of(const Entry& entry);

}  // namespace flowrun::view
