// SPDX-License-Identifier: Apache-2.0
#include "plugin/plugins.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

fs::path list_beside(fs::path library) {
  return library.replace_extension(".json");
}

/// The list beside a library, if there is one.
std::optional<PluginList> read_list(const fs::path& library) {
  std::ifstream in(list_beside(library), std::ios::binary);
  if (!in) return {};
  std::stringstream text;
  text << in.rdbuf();
  try {
    return parse_list(text.str());
  } catch (const Error& problem) {
    throw Error(fmt::format("{}: {}", list_beside(library).string(), problem.what()));
  }
}

PluginFile look_at(const fs::path& library, bool open_all) {
  PluginFile file{library, {}, {}};
  try {
    const auto list = read_list(library);
    file.list = list && !open_all ? *list : ask_library(library);
    if (list && !list->has_same_names(file.list))
      throw Error(
          fmt::format("{}: not what is in the library; make it anew: flowrun plugins --describe {} > {}",
                      list_beside(library).string(), library.string(), list_beside(library).string()));
  } catch (const Error& problem) {
    file.problem = problem.what();
    file.list = {};
  }
  return file;
}

std::vector<fs::path> libraries_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code ignored;  // a folder that is missing or unreadable holds no plugins
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().extension() == ".so") out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

using Names = std::vector<std::string> PluginList::*;

std::vector<std::string> all_of(const std::vector<PluginFile>& files, Names names) {
  std::set<std::string> out;
  for (const PluginFile& file : files) out.insert((file.list.*names).begin(), (file.list.*names).end());
  return {out.begin(), out.end()};
}

}  // namespace

Plugins::Plugins(const std::vector<fs::path>& folders, bool open_all) : folders_(folders) {
  std::set<fs::path> seen;
  for (const fs::path& folder : folders)
    for (const fs::path& library : libraries_in(folder))
      if (seen.insert(fs::weakly_canonical(library)).second) files_.push_back(look_at(library, open_all));
  opened_.resize(files_.size());
}

std::vector<std::string> Plugins::node_names() const {
  return all_of(files_, &PluginList::nodes);
}
std::vector<std::string> Plugins::command_names() const {
  return all_of(files_, &PluginList::commands);
}

std::optional<std::size_t> Plugins::file_with(const std::string& name, Names names) const {
  for (std::size_t i = 0; i < files_.size(); ++i)
    if (std::ranges::find(files_[i].list.*names, name) != (files_[i].list.*names).end()) return i;
  return {};
}

const Registry& Plugins::open(std::size_t file) {
  if (!opened_[file]) opened_[file] = open_plugin(files_[file].library);
  return *opened_[file];
}

const NodeType* Plugins::node(const std::string& name) {
  const auto file = file_with(name, &PluginList::nodes);
  if (!file) return nullptr;
  for (const NodeType& type : open(*file).nodes)
    if (type.name == name) return &type;
  throw Error(fmt::format("the list beside {} promises it, but the library lacks it",
                          files_[*file].library.string()));
}

const Command* Plugins::command(const std::string& name) {
  const auto file = file_with(name, &PluginList::commands);
  if (!file) return nullptr;
  for (const Command& command : open(*file).commands)
    if (command.name == name) return &command;
  throw Error(fmt::format("the list beside {} promises command '{}', but the library lacks it",
                          files_[*file].library.string(), name));
}

std::vector<fs::path> plugin_search_path(const std::vector<fs::path>& first,
                                         const std::vector<fs::path>& graph_folders) {
  std::vector<fs::path> folders = first;
  if (const char* variable = std::getenv("FLOWRUN_PLUGIN_PATH")) {
    std::istringstream parts(variable);
    for (std::string part; std::getline(parts, part, ':');)
      if (!part.empty()) folders.emplace_back(part);
  }
  folders.insert(folders.end(), graph_folders.begin(), graph_folders.end());
  const fs::path program = boost::dll::program_location();
  folders.push_back(program.parent_path().parent_path() / "lib" / "flowrun");
  return folders;
}

}  // namespace flowrun
