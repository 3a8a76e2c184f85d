// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flowrun {

/// Opens one library and lets it register. Throws Error naming the file when it cannot be loaded, is no
/// flowrun plugin, was built for another ABI, or registers what cannot be right; nothing in it is called
/// before its ABI is known. Libraries stay open.
std::unique_ptr<Registry> open_plugin(const std::filesystem::path& library);

/// What is in a library, as the list beside it says.
struct PluginList {
  std::string name;     ///< of the plugin
  std::string version;  ///< of the plugin
  std::vector<std::string> nodes;
  std::vector<std::string> commands;
  std::vector<std::string> libraries;  ///< that it works with; they may be upgraded under it

  bool has_same_names(const PluginList& other) const;
};

PluginList list_of(const Registry& registry);
std::string to_text(const PluginList& list);
/// Throws Error when `text` is no such list.
PluginList parse_list(const std::string& text);

/// Opens a library in a process of its own to see what is in it, so that one that crashes or hangs while it
/// is loaded does no harm. Throws Error as open_plugin() does.
PluginList ask_library(const std::filesystem::path& library);

}  // namespace flowrun
