// SPDX-License-Identifier: Apache-2.0
#include "plugins.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

/// The loader maps a library as its headers say; beyond the end of a truncated file that kills the process.
void check_whole(const fs::path& library) {
  std::ifstream in(library, std::ios::binary);
  const auto refuse = [&](const char* why) {
    throw Error(fmt::format("{}: cannot be loaded: {}", library.string(), why));
  };
  std::error_code problem;
  const auto size = fs::file_size(library, problem);
  if (problem) refuse(problem.message().c_str());
  Elf64_Ehdr header{};
  if (!in.read(reinterpret_cast<char*>(&header), sizeof header) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    refuse("not a shared library");
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr segment{};
    if (!in.read(reinterpret_cast<char*>(&segment), sizeof segment) || segment.p_offset > size ||
        segment.p_filesz > size - segment.p_offset)
      refuse("the file is truncated");
  }
}

/// Whether what bears the entry's name is a variable with room for the fields that tell its version.
bool is_entry(const char* symbol) {
  Dl_info info{};
  void* found = nullptr;
  if (!::dladdr1(symbol, &info, &found, RTLD_DL_SYMENT) || !found) return false;
  const auto& in_table = *static_cast<const ElfW(Sym)*>(found);
  return ELF64_ST_TYPE(in_table.st_info) == STT_OBJECT &&
         in_table.st_size >= offsetof(PluginEntry, abi) + sizeof(PluginEntry::abi) &&
         reinterpret_cast<std::uintptr_t>(symbol) % alignof(PluginEntry) == 0;
}

void check_entry(const PluginEntry& entry, const fs::path& library) {
  const auto refuse = [&](const std::string& found, const std::string& wanted) {
    throw Error(fmt::format("{}: {}, but this flowrun {} needs {}; rebuild the plugin against this flowrun",
                            library.string(), found, FLOWRUN_VERSION, wanted));
  };
  if (entry.abi != plugin_abi)
    refuse(fmt::format("built for plugin ABI {}", entry.abi), fmt::format("ABI {}", plugin_abi));
  if (!entry.name || !entry.version || !entry.fill)
    throw Error(fmt::format("{}: its plugin entry has no name, version or function", library.string()));
  const std::string tag = entry.compiler ? entry.compiler : "nothing";
  if (tag != FLOWRUN_COMPILER_TAG) refuse("built with " + tag, FLOWRUN_COMPILER_TAG);
}

PluginFile read_list(const fs::path& library) {
  PluginFile file;
  file.library = library;
  fs::path list = library;
  list.replace_extension(".json");
  try {
    if (std::ifstream in{list}) {
      const auto json = nlohmann::json::parse(in);
      file.version = json.at("version");
      file.nodes = json.at("nodes");
      file.commands = json.at("commands");
    } else {
      const auto registry = open_plugin(library);
      for (const NodeType& type : registry->nodes) file.nodes.push_back(type.name);
      for (const Command& command : registry->commands) file.commands.push_back(command.name);
    }
  } catch (const nlohmann::json::exception& problem) {
    file.problem = fmt::format("{}: not a list of nodes ({})", list.string(), problem.what());
  } catch (const std::exception& problem) {
    file.problem = problem.what();
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

std::vector<std::string> all_of(const std::vector<PluginFile>& files,
                                std::vector<std::string> PluginFile::*list) {
  std::set<std::string> out;
  for (const PluginFile& file : files) out.insert((file.*list).begin(), (file.*list).end());
  return {out.begin(), out.end()};
}

}  // namespace

std::unique_ptr<Registry> open_plugin(const fs::path& library) {
  check_whole(library);
  // Not lazily: an undefined symbol must throw here, not end the process later. Never unloaded, also after
  // the handle is gone: node types, exceptions and payloads point into it.
  using namespace boost::dll::load_mode;
  boost::dll::shared_library handle;
  std::error_code problem;
  handle.load(fs::absolute(library), rtld_now | rtld_local | static_cast<type>(RTLD_NODELETE), problem);
  if (problem) {
    const char* reason = ::dlerror();  // Boost keeps only a code
    throw Error(
        fmt::format("{}: cannot be loaded: {}", library.string(), reason ? reason : problem.message()));
  }
  if (!handle.has("flowrun_plugin"))
    throw Error(fmt::format("{}: not a flowrun plugin: it has no symbol 'flowrun_plugin'", library.string()));
  const char* symbol = &handle.get<const char>("flowrun_plugin");
  if (!is_entry(symbol) || reinterpret_cast<const PluginEntry*>(symbol)->magic != plugin_magic)
    throw Error(fmt::format("{}: its symbol 'flowrun_plugin' is not a plugin entry", library.string()));
  const auto& entry = *reinterpret_cast<const PluginEntry*>(symbol);
  check_entry(entry, library);
  auto registry = std::make_unique<Registry>(fmt::format("{} {}", entry.name, entry.version));
  try {
    entry.fill(*registry);
  } catch (const std::exception& failure) {
    throw Error(fmt::format("{}: failed to register: {}", library.string(), failure.what()));
  }
  return registry;
}

std::string describe_plugin(const fs::path& library) {
  const auto registry = open_plugin(library);
  nlohmann::ordered_json json;
  json["version"] = registry->nodes.empty() ? "" : registry->nodes.front().plugin;
  json["nodes"] = nlohmann::json::array();
  json["commands"] = nlohmann::json::array();
  for (const NodeType& type : registry->nodes) json["nodes"].push_back(type.name);
  for (const Command& command : registry->commands) json["commands"].push_back(command.name);
  return json.dump(2) + "\n";
}

Plugins::Plugins(const std::vector<fs::path>& folders) : folders_(folders) {
  std::set<fs::path> seen;
  for (const fs::path& folder : folders)
    for (const fs::path& library : libraries_in(folder))
      if (seen.insert(fs::weakly_canonical(library)).second) files_.push_back(read_list(library));
  opened_.resize(files_.size());
}

std::vector<std::string> Plugins::node_names() const {
  return all_of(files_, &PluginFile::nodes);
}
std::vector<std::string> Plugins::command_names() const {
  return all_of(files_, &PluginFile::commands);
}

std::string Plugins::library_with(const std::string& name, std::vector<std::string> PluginFile::*list) const {
  for (const PluginFile& file : files_)
    if (std::find((file.*list).begin(), (file.*list).end(), name) != (file.*list).end())
      return file.library.string();
  return {};
}

Registry* Plugins::open_with(const std::string& name, std::vector<std::string> PluginFile::*list) {
  for (std::size_t i = 0; i < files_.size(); ++i) {
    const auto& names = files_[i].*list;
    if (std::find(names.begin(), names.end(), name) == names.end()) continue;
    if (!opened_[i]) opened_[i] = open_plugin(files_[i].library);
    return opened_[i].get();
  }
  return nullptr;
}

const NodeType* Plugins::node(const std::string& name) {
  Registry* registry = open_with(name, &PluginFile::nodes);
  if (!registry) return nullptr;
  for (const NodeType& type : registry->nodes)
    if (type.name == name) return &type;
  throw Error(fmt::format("the list beside {} promises it, but the library lacks it",
                          library_with(name, &PluginFile::nodes)));
}

const Command* Plugins::command(const std::string& name) {
  Registry* registry = open_with(name, &PluginFile::commands);
  if (!registry) return nullptr;
  for (const Command& command : registry->commands)
    if (command.name == name) return &command;
  throw Error(fmt::format("the list beside {} promises command '{}', but the library lacks it",
                          library_with(name, &PluginFile::commands), name));
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
