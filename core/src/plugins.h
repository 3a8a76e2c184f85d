// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flowrun {

/// A plugin library found in a search folder. Beside `wsi.so` lies `wsi.json`, the list of what is in it, so
/// that a library is opened only when a graph needs it; one without a list is opened to be asked.
struct PluginFile {
  std::filesystem::path library;
  std::string version;                ///< of the plugin; empty until known
  std::vector<std::string> nodes;     ///< node types in it
  std::vector<std::string> commands;  ///< commands in it
  std::string problem;                ///< why it cannot be used; empty when it can
};

/// Opens one library and lets it register. Throws Error naming the file when it cannot be loaded, is no
/// flowrun plugin, or was built for another ABI; nothing in it is called then. Libraries stay open.
std::unique_ptr<Registry> open_plugin(const std::filesystem::path& library);

/// The list to put beside a library, as JSON.
std::string describe_plugin(const std::filesystem::path& library);

/// The plugins that can be used, first found first. Thread-compatible.
class Plugins {
 public:
  /// Looks through `folders`, in order. Folders that do not exist are skipped; a type found twice is taken
  /// from the first.
  explicit Plugins(const std::vector<std::filesystem::path>& folders);

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
  std::string library_with(const std::string& name, std::vector<std::string> PluginFile::*list) const;
  Registry* open_with(const std::string& name, std::vector<std::string> PluginFile::*list);

  std::vector<std::filesystem::path> folders_;
  std::vector<PluginFile> files_;
  std::vector<std::unique_ptr<Registry>> opened_;  // by file; null until opened
};

/// Where plugins are looked for: `first` (--plugin-dir), FLOWRUN_PLUGIN_PATH, `graph_folders` (plugins: in
/// the graph), and the folder installed beside the program.
std::vector<std::filesystem::path> plugin_search_path(
    const std::vector<std::filesystem::path>& first, const std::vector<std::filesystem::path>& graph_folders);

}  // namespace flowrun
