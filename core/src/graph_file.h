// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "diagnostics.h"

namespace flowrun {

/// A graph file as read: structure checked, parameters substituted, nothing known of node types yet.
struct GraphFile {
  struct NodeEntry {
    Value::Key name;
    Value body;  ///< a map
  };
  std::string name;
  Value memory;   ///< null when not given
  Value threads;  ///< null when not given
  std::vector<std::filesystem::path> plugin_folders;
  std::vector<NodeEntry> nodes;
};

/// Values of `--set name=value`.
using Settings = std::map<std::string, std::string>;

/// Reads a graph from `text`. Relative paths in it are relative to `folder`; values that begin with a
/// parameter from `settings`, or with an environment variable, are relative to the current folder. Every
/// mistake goes to `diagnostics`; what can be read is returned all the same, so that more can be found.
GraphFile read_graph(const std::string& text, const std::filesystem::path& folder, const Settings& settings,
                     Diagnostics& diagnostics);

}  // namespace flowrun
