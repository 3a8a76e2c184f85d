// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <tuple>
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

/// The slides that places stand for, by number: first by name, then as runs finish them. No slide is opened.
/// Thread-safe.
class Catalog {
 public:
  /// An output folder of runs (one with .flowrun) stands for the slides that its journal has as done; what
  /// runs made of files of features goes to the slide of that name. Everything else is as list_slides() has
  /// it. Throws Error when a place stands for no slide and no run tells its status there.
  explicit Catalog(const std::vector<std::filesystem::path>& places);

  std::size_t size() const;
  Entry at(std::size_t number) const;
  /// Of the slides from a number on.
  std::vector<std::string> names_from(std::size_t number) const;
  /// The places that are output folders.
  std::vector<std::filesystem::path> output_folders() const;
  /// Looks for slides that runs have finished since; `found` gets each before it is counted. Throws Error.
  void look_again(const std::function<void(const Entry&)>& found);

 private:
  /// By what is looked at, as several nodes of a graph, or graphs, may have made parts of it.
  using Key = std::tuple<std::string, std::filesystem::path, std::optional<double>>;
  using Found = std::function<void(const Entry&)>;
  void add(Entry entry, const Found& found);
  void read_journal(const std::filesystem::path& output_folder, const Found& found);
  void sort();

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::map<std::string, std::vector<std::filesystem::path>> of_features_;  // outputs, by the slide's name
  std::map<Key, std::size_t> numbers_;
  std::map<std::filesystem::path, std::set<std::string>> read_;  // files of the journal by output folder
};

/// The files of an entry that can be shown over its slide: tiles.csv, predictions.csv, mask.png and
/// *.geojson. Sorted; links are left out.
std::vector<std::filesystem::path> layers_of(const Entry& entry);
/// What the page knows it by: its file name, of attention "attention/NAME".
std::string name_of_layer(const std::filesystem::path& layer);

}  // namespace flowrun::view
