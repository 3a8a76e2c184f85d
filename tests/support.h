// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/testing.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>

#include "output/output_folder.h"
#include "plan/plan.h"
#include "run/run.h"

namespace flowrun::test {

using testing::TemporaryFolder;

inline std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

inline void write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

/// Every file below a folder with its content, but for the journal.
inline std::map<std::string, std::string> outputs_in(const std::filesystem::path& folder) {
  std::map<std::string, std::string> out;
  for (auto it = std::filesystem::recursive_directory_iterator(folder); it != std::filesystem::end(it);
       ++it) {
    if (it->path().filename() == ".flowrun") it.disable_recursion_pending();
    if (it->is_regular_file()) out[it->path().lexically_relative(folder)] = read_file(it->path());
  }
  return out;
}

/// Options with the test plugin and the built ones.
inline PlanOptions plan_options() {
  PlanOptions options;
  options.plugin_folders = {FLOWRUN_TEST_PLUGINS, FLOWRUN_PLUGINS};
  return options;
}

/// Plans a graph given as text. Throws GraphError.
inline LoadedPlan plan_text(const std::string& graph, const PlanOptions& options = plan_options()) {
  return load_plan_text(graph, "graph.yaml", options);
}

inline RunResult run_text(const std::string& graph, const RunOptions& run_options = {},
                          const PlanOptions& options = plan_options()) {
  LoadedPlan loaded = plan_text(graph, options);
  return run(loaded.plan, run_options);
}

inline const NodeResult& node(const RunResult& result, const std::string& name) {
  for (const NodeResult& node : result.nodes)
    if (node.name == name) return node;
  throw std::runtime_error("no node " + name);
}

}  // namespace flowrun::test
