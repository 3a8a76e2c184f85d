// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "graph/diagnostics.h"

namespace flowrun {

/// The keys that an entry of `nodes:` may have whatever its type.
inline const std::vector<std::string> runtime_keys{"type", "from", "workers", "on_error"};

/// A graph file as read, with the files that it uses: structure checked, parameters substituted, nothing
/// known of node types yet.
struct GraphFile {
  struct NodeEntry {
    Value::Key name;
    Value body;  ///< a map
  };
  /// An entry of `nodes:` that another file stands for.
  struct Use {
    Value::Key name;
    Value body;  ///< a map
    std::unique_ptr<GraphFile> graph;
  };
  /// What a file that is used gives: a node's output, under a name.
  struct Output {
    Value::Key name;
    std::string from;  ///< "node" or "node.port"
    Place place;
  };
  std::string file;  ///< as messages call it
  std::string name;
  Value memory;                                       ///< null when not given
  Value device_memory;                                ///< null when not given
  Value threads;                                      ///< null when not given
  std::vector<std::filesystem::path> plugin_folders;  ///< those of the files that it uses, too
  std::vector<Value::Key> inputs;                     ///< what a file that is used takes
  std::vector<Output> outputs;
  std::vector<NodeEntry> nodes;
  std::vector<Use> uses;
};

/// Values of `--set name=value`.
using Settings = std::map<std::string, std::string>;

/// The keys of an entry of `nodes:` that uses a file; all others are parameters of that file.
inline const std::vector<std::string> use_keys{"use", "from"};

/// The text of a graph file. Throws Error when it cannot be read.
std::string read_graph_text(const std::filesystem::path& file);

/// Reads a graph from the first text of `diagnostics`, and the files that it uses. Relative paths in it are
/// relative to the file's folder; values that begin with a parameter from `settings`, or with an environment
/// variable, are relative to the current folder. Every mistake goes to `diagnostics`; what can be read is
/// returned all the same, so that more can be found.
GraphFile read_graph(const std::filesystem::path& file, const Settings& settings, Diagnostics& diagnostics);

}  // namespace flowrun
