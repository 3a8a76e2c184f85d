// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "plugin/library.h"

namespace flowrun {

/// A plugin library found in a search folder. Beside `wsi.so` lies `wsi.json`, the list of what is in it, so
/// that a library is opened only when a graph needs it; one without a list is opened to be asked.
struct PluginFile {
  std::filesystem::path library;
  PluginList list;
  std::string problem;  ///< why it cannot be used; empty when it can
};

/// The plugins that can be used, first found first. Thread-compatible.
class Plugins {
 public:
  /// Looks through `folders`, in order. Folders that do not exist are skipped; a type found twice is taken
  /// from the first. `open_all`: see whether libraries with a list can be opened, too, and are as it says.
  explicit Plugins(const std::vector<std::filesystem::path>& folders, bool open_all = false);

  /// Every library tried, with why it was refused.
  const std::vector<PluginFile>& files() const { return files_; }
  const std::vector<std::filesystem::path>& folders() const { return folders_; }
  std::vector<std::string> node_names() const;
  std::vector<std::string> command_names() const;

  /// Opens the library that has it. Returns null when no library has it; throws Error when its library
  /// cannot be opened.
  const NodeType* node(const std::string& name);
  const Command* command(const std::string& name);

 private:
  std::optional<std::size_t> file_with(const std::string& name,
                                       std::vector<std::string> PluginList::*names) const;
  const Registry& open(std::size_t file);

  std::vector<std::filesystem::path> folders_;
  std::vector<PluginFile> files_;
  std::vector<std::unique_ptr<Registry>> opened_;  // by file; null until opened
};

/// Where plugins are looked for: `first` (--plugin-dir), FLOWRUN_PLUGIN_PATH, `graph_folders` (plugins: in
/// the graph), and the folder installed beside the program.
std::vector<std::filesystem::path> plugin_search_path(
    const std::vector<std::filesystem::path>& first, const std::vector<std::filesystem::path>& graph_folders);

}  // namespace flowrun
