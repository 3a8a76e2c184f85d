// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "plan.h"

namespace flowrun::cli {

/// The whole program; returns its exit code.
int run_program(const std::vector<std::string>& arguments);

struct RunArguments {
  std::filesystem::path graph;
  PlanOptions plan;
  bool quiet = false;
  bool json = false;
  bool force = false;
};

/// `flowrun run`: runs a graph with progress and a summary.
int run_graph(const RunArguments& arguments);
/// `flowrun check`: prints the plan without running it.
int check_graph(const RunArguments& arguments);
/// `flowrun new plugin NAME`: a project with a node, its test and its graph in a new folder NAME.
int new_plugin(const Plugins& plugins, const std::string& name);
/// `flowrun nodes [TYPE [--markdown]]`.
int print_nodes(const std::vector<std::filesystem::path>& plugin_folders, const std::string& type,
                bool markdown);
/// `flowrun plugins`: every library tried, and why it was refused.
int print_plugins(const std::vector<std::filesystem::path>& plugin_folders);
/// `flowrun plugins --check LIBRARY`: opens one library and makes each of its nodes.
int check_plugin(const std::filesystem::path& library);
/// `flowrun plugins --describe LIBRARY`: the list to put beside it.
int print_list(const std::filesystem::path& library);

}  // namespace flowrun::cli
