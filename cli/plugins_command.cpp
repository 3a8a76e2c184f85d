// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <oneapi/tbb/version.h>

#include <map>

#include "commands.h"
#include "say.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

std::string readable(const fs::path& folder) {
  std::error_code problem;
  fs::directory_iterator(folder, problem);
  return problem ? fmt::format(" ({})", problem.message()) : "";
}

std::string names(const std::vector<std::string>& all) {
  return all.empty() ? "none" : fmt::format("{}", fmt::join(all, ", "));
}

}  // namespace

int print_plugins(const std::vector<fs::path>& plugin_folders) {
  const Plugins plugins(plugin_search_path(plugin_folders, {}), true);
  for (const auto& folder : plugins.folders()) print("searched {}{}\n", folder.string(), readable(folder));
  bool refused = false;
  std::map<std::string, fs::path> first_node, first_command;  // the library that each is taken from
  for (const PluginFile& file : plugins.files()) {
    if (!file.problem.empty()) {
      refused = true;
      print("refused: {}\n", file.problem);
      continue;
    }
    const PluginList& list = file.list;
    print("{}: {} {}: nodes {}; commands {}\n", file.library.string(), list.name, list.version,
          names(list.nodes), names(list.commands));
    const auto say_taken = [&](auto& first, const std::vector<std::string>& all) {
      for (const std::string& name : all)
        if (const auto [earlier, is_new] = first.emplace(name, file.library); !is_new)
          print("  {} is taken from {}\n", name, earlier->second.string());
    };
    say_taken(first_node, list.nodes);
    say_taken(first_command, list.commands);
  }
  return all_printed() && !refused ? 0 : 1;
}

std::string versions(const std::vector<fs::path>& plugin_folders) {
  std::string text = fmt::format("flowrun {}\nABI {}, {}\noneTBB {}\n", FLOWRUN_VERSION, plugin_abi,
                                 FLOWRUN_COMPILER_TAG, TBB_runtime_version());
  const Plugins plugins(plugin_search_path(plugin_folders, {}), true);
  for (const PluginFile& file : plugins.files())
    text += file.problem.empty()
                ? fmt::format("{} {} ({}){}{}\n", file.list.name, file.list.version, file.library.string(),
                              file.list.libraries.empty() ? "" : ": ", fmt::join(file.list.libraries, ", "))
                : fmt::format("refused: {}\n", file.problem);
  text.pop_back();  // which ends the line itself
  return text;
}

int check_plugin(const fs::path& library) {
  try {
    const auto registry = open_plugin(library);
    for (const NodeType& type : registry->nodes) try {
        type.create();
      } catch (const std::exception& problem) {
        throw Error(fmt::format("{}: node type '{}': its constructor threw: {}", library.string(), type.name,
                                problem.what()));
      }
    const PluginList list = list_of(*registry);
    print("{}: {} {}: nodes {}; commands {}\n", library.string(), list.name, list.version, names(list.nodes),
          names(list.commands));
    return 0;
  } catch (const Error& problem) {
    say("refused: {}\n", problem.what());
    return 1;
  }
}

int print_list(const fs::path& library) {
  try {
    print_text(to_text(ask_library(library)));
    return all_printed() ? 0 : 1;
  } catch (const Error& problem) {
    say("refused: {}\n", problem.what());
    return 1;
  }
}

}  // namespace flowrun::cli
