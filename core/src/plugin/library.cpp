// SPDX-License-Identifier: Apache-2.0
#include "plugin/library.h"

#include <dlfcn.h>
#include <elf.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "graph/graph_file.h"
#include "headers_hash.h"

namespace flowrun {
namespace {

namespace fs = std::filesystem;

/// A library that does not come to an end while it is opened is refused after this.
constexpr unsigned seconds_to_open = 60;

/// The loader maps a library as its headers say; beyond the end of a truncated file that kills the process.
void check_whole(const fs::path& library) {
  const auto refuse = [&](const std::string& why) {
    throw Error(fmt::format("{}: cannot be loaded: {}", library.string(), why));
  };
  if (::access(library.c_str(), R_OK) != 0) refuse(std::strerror(errno));
  std::error_code problem;
  const auto size = fs::file_size(library, problem);
  if (problem) refuse(problem.message());
  std::ifstream in(library, std::ios::binary);
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
  const std::string headers = entry.headers ? entry.headers : "nothing";
  if (headers != FLOWRUN_HEADERS_HASH)
    refuse(fmt::format("built against other headers of flowrun (hash {})", headers),
           "its own (hash " FLOWRUN_HEADERS_HASH ")");
}

template <class Named>
void check_unique(const std::vector<Named>& all, const char* what) {
  std::set<std::string_view> seen;
  for (const Named& one : all)
    if (!seen.insert(one.name).second)
      throw Error(fmt::format("{} '{}' is registered twice", what, one.name));
}

void check_node(const NodeType& type) {
  try {
    check_unique(type.inputs, "input");
    check_unique(type.outputs, "output");
    check_unique(type.options, "option");
    for (const OptionSpec& option : type.options)
      if (std::ranges::find(runtime_keys, option.name) != runtime_keys.end())
        throw Error(fmt::format("option '{}' has the name of a key of every node", option.name));
  } catch (const Error& problem) {
    throw Error(fmt::format("node type '{}': {}", type.name, problem.what()));
  }
}

/// What a call into the library throws, in words.
template <class Call>
void call(const char* what, Call function) {
  try {
    function();
  } catch (const std::exception& failure) {
    throw Error(fmt::format("{}: {}", what, failure.what()));
  } catch (...) {
    throw Error(fmt::format("{}: it threw what is no std::exception", what));
  }
}

/// A file in memory that a child process writes to.
class Memory {
 public:
  Memory() : file_(::memfd_create("flowrun-plugin", MFD_CLOEXEC)) {
    if (file_ < 0) throw Error(fmt::format("no memory to ask a plugin: {}", std::strerror(errno)));
  }
  ~Memory() { ::close(file_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  int file() const { return file_; }
  std::string text() const {
    std::string out;
    char part[4096];
    for (ssize_t got; (got = ::pread(file_, part, sizeof part, static_cast<off_t>(out.size()))) > 0;)
      out.append(part, static_cast<std::size_t>(got));
    return out;
  }

 private:
  int file_;
};

void write_all(int file, std::string_view text) {
  for (ssize_t done; !text.empty() && (done = ::write(file, text.data(), text.size())) > 0;)
    text.remove_prefix(static_cast<std::size_t>(done));
}

/// The child's whole life: what is in the library goes to `answer`, as a list or as plain words of refusal.
[[noreturn]] void answer_and_exit(const fs::path& library, int answer, int said) {
  ::dup2(said, STDOUT_FILENO);
  ::dup2(said, STDERR_FILENO);
  ::alarm(seconds_to_open);
  int code = 0;
  try {
    write_all(answer, to_text(list_of(*open_plugin(library))));
  } catch (const std::exception& problem) {
    write_all(answer, problem.what());
    code = 1;
  }
  ::_exit(code);
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

std::unique_ptr<Registry> open_plugin(const fs::path& library) {
  check_whole(library);
  // Not lazily: an undefined symbol must throw here, not end the process later. Never unloaded, also after
  // the handle is gone: node types, exceptions and payloads point into it.
  using namespace boost::dll::load_mode;
  boost::dll::shared_library handle;
  std::error_code problem;
  // What its initialisers throw ends the process or comes out here: C libraries differ.
  call(fmt::format("{}: failed while it was opened", library.string()).c_str(), [&] {
    handle.load(fs::absolute(library), rtld_now | rtld_local | static_cast<type>(RTLD_NODELETE), problem);
  });
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
  auto registry = std::make_unique<Registry>(entry.name, entry.version);
  call(fmt::format("{}: failed to register", library.string()).c_str(), [&] {
    entry.fill(*registry);
    check_unique(registry->nodes, "node type");
    check_unique(registry->commands, "command");
    for (const NodeType& type : registry->nodes) check_node(type);
  });
  return registry;
}

bool PluginList::has_same_names(const PluginList& other) const {
  return name == other.name && version == other.version && nodes == other.nodes && commands == other.commands;
}

PluginList list_of(const Registry& registry) {
  PluginList list{registry.plugin(), registry.version(), {}, {}, registry.libraries};
  for (const NodeType& type : registry.nodes) list.nodes.push_back(type.name);
  for (const Command& command : registry.commands) list.commands.push_back(command.name);
  return list;
}

std::string to_text(const PluginList& list) {
  const nlohmann::ordered_json json{{"name", list.name},
                                    {"version", list.version},
                                    {"nodes", list.nodes},
                                    {"commands", list.commands},
                                    {"libraries", list.libraries}};
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

PluginList parse_list(const std::string& text) {
  try {
    const auto json = nlohmann::json::parse(text);
    return {json.at("name"), json.at("version"), json.at("nodes"), json.at("commands"),
            json.value("libraries", std::vector<std::string>())};
  } catch (const nlohmann::json::exception& problem) {
    throw Error(fmt::format("not a list of nodes ({})", problem.what()));
  }
}

PluginList ask_library(const fs::path& library) {
  const Memory answer, said;
  const pid_t child = ::fork();
  if (child < 0) throw Error(fmt::format("{}: cannot be asked: {}", library.string(), std::strerror(errno)));
  if (child == 0) answer_and_exit(library, answer.file(), said.file());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return parse_list(answer.text());
  if (WIFEXITED(status) && !answer.text().empty()) throw Error(answer.text());
  const std::string how = !WIFSIGNALED(status) ? fmt::format("ended the process with {}", WEXITSTATUS(status))
                          : WTERMSIG(status) == SIGALRM
                              ? fmt::format("did not end within {} seconds", seconds_to_open)
                              : fmt::format("crashed ({})", ::strsignal(WTERMSIG(status)));
  const std::string words = one_line(said.text());
  throw Error(
      fmt::format("{}: {} while it was opened{}{}", library.string(), how, words.empty() ? "" : ": ", words));
}

}  // namespace flowrun
