// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "output/part.h"
#include "plan/plan.h"

namespace CLI {
class App;
}

namespace flowrun::cli {

/// The whole program; returns its exit code.
int run_program(const std::vector<std::string>& arguments);

struct RunArguments {
  std::filesystem::path graph;
  PlanOptions plan;
  bool quiet = false;
  bool json = false;
  bool force = false;
  bool report = true;
  std::optional<Part> part;
  std::filesystem::path trace;
};

/// The value of --part: "3/16", or "auto" or "auto/16", which say that the number, and the count if it is not
/// given, are those that a scheduler put into the environment. Throws Error.
Part part_argument(const std::string& text);

/// Loads the plan of a graph, or says on standard error what is wrong with it.
std::optional<LoadedPlan> load_or_say(const RunArguments& arguments);
/// `flowrun run`: runs a graph with progress and a summary.
int run_graph(const RunArguments& arguments);
/// `flowrun report`: makes the report of an output folder's last run anew; `file`: empty for its report.html.
int report_run(const std::filesystem::path& output_folder, const std::filesystem::path& file);
/// `flowrun check`: prints the plan without running it.
int check_graph(const RunArguments& arguments);
/// `flowrun draw`: the plan as SVG on standard output, or as Graphviz's own language.
int draw_graph(const RunArguments& arguments, bool dot);
/// `flowrun schema`: the JSON Schema of graph files with the node types that there are.
int print_schema(Plugins& plugins);

/// The node types that can be used, by name.
struct UsableNodes {
  std::vector<const NodeType*> nodes;
  bool all = true;  ///< false: a library was refused, which has been said on standard error
};
UsableNodes usable_nodes(Plugins& plugins);

/// How `flowrun nodes` prints.
enum class NodesAs { text, markdown, json };
/// `flowrun new plugin NAME`: a project with a node, its test and its graph in a new folder NAME.
int new_plugin(const Plugins& plugins, const std::string& name);
/// `flowrun nodes [TYPE]`.
int print_nodes(Plugins& plugins, const std::string& type, NodesAs as);
/// `flowrun man`: the manual page, in troff, of what --help says.
int print_manual(const CLI::App& app, Plugins& plugins);
/// `flowrun plugins`: every library tried, and why it was refused.
int print_plugins(const std::vector<std::filesystem::path>& plugin_folders);
/// `flowrun --version`: of the program, of all plugins and of the libraries that they work with.
std::string versions(const std::vector<std::filesystem::path>& plugin_folders);
/// `flowrun doctor`: whether this machine, and a folder for outputs, are fit for runs, and what to change.
int examine_machine(const std::vector<std::filesystem::path>& plugin_folders,
                    const std::filesystem::path& folder);
/// `flowrun plugins --check LIBRARY`: opens one library and makes each of its nodes.
int check_plugin(const std::filesystem::path& library);
/// `flowrun plugins --describe LIBRARY`: the list to put beside it.
int print_list(const std::filesystem::path& library);

}  // namespace flowrun::cli
