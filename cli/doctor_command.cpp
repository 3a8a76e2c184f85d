// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/sysinfo.h>

#include <algorithm>

#include "commands.h"
#include "output/publication.h"
#include "say.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

/// What was found, a line each.
class Findings {
 public:
  void fine(const std::string& what, const std::string& found) { print("ok       {}: {}\n", what, found); }
  void worth_a_look(const std::string& what, const std::string& found) {
    print("warning  {}: {}\n", what, found);
  }
  void wrong(const std::string& what, const std::string& found) {
    print("wrong    {}: {}\n", what, found);
    any_wrong_ = true;
  }
  bool any_wrong() const { return any_wrong_; }

 private:
  bool any_wrong_ = false;
};

void examine_processor(const Machine& machine, Findings& findings) {
  const int all = ::get_nprocs();
  findings.fine("processor", fmt::format("{} of {} CPUs may be used, so 'threads' is {} by default",
                                         machine.cpus, all, machine.cpus));
}

void examine_memory(const Machine& machine, Findings& findings) {
  struct sysinfo system {};
  ::sysinfo(&system);
  const std::size_t all = system.totalram * system.mem_unit;
  const std::size_t limit = std::min(all, machine.memory.value_or(all));
  const std::string found = fmt::format(
      "{}{}; 'memory' is {} by default, give a graph at most {}", format_bytes(all),
      machine.memory ? fmt::format(", of which the control group may take {}", format_bytes(*machine.memory))
                     : "",
      format_bytes(default_memory(machine)), format_bytes(leasable(limit)));
  if (limit < 512 * MiB)
    findings.worth_a_look("memory", found + "; open slides take 34 MiB each");
  else
    findings.fine("memory", found);
}

/// The folder itself, or the innermost above it that is there.
fs::path standing(fs::path folder) {
  folder = fs::absolute(folder);
  while (!fs::exists(folder) && folder.has_relative_path()) folder = folder.parent_path();
  return folder;
}

/// A folder that is gone with it.
struct TrialFolder {
  explicit TrialFolder(const fs::path& in) {
    std::string name = (in / ".flowrun-doctor-XXXXXX").string();
    if (!::mkdtemp(name.data())) throw Error(fmt::format("cannot write to {}: {}", in.string(), why(errno)));
    path = name;
  }
  ~TrialFolder() {
    std::error_code left;
    fs::remove_all(path, left);
  }
  TrialFolder(const TrialFolder&) = delete;
  TrialFolder& operator=(const TrialFolder&) = delete;

  fs::path path;
};

/// Does with a file there what a run does with its outputs.
void try_outputs(const fs::path& in) {
  const TrialFolder trial(in);
  OutputFolder folder(trial.path);
  write_whole(folder.stage("trial", "file", "doctor"), "whole");
  if (const auto problem = publish({{"trial", {&folder}, {{"recipe", ""}}}}).front())
    std::rethrow_exception(problem);
  if (read_text(trial.path / "file") != "whole")
    throw Error(fmt::format("a file that was moved within {} is not what it was", in.string()));
}

void examine_outputs(const fs::path& folder, Findings& findings) {
  const fs::path in = standing(folder);
  const std::string what = fmt::format("outputs in {}", folder.string());
  const std::string kind = file_system_of(in);
  try {
    try_outputs(in);
    const fs::space_info space = fs::space(in);
    const std::string found = fmt::format("file system {}, {} free; files can be locked, moved and flushed",
                                          kind.empty() ? "unknown" : kind, format_bytes(space.available));
    if (space.available < 10 * GiB)
      findings.worth_a_look(what, found + "; tiles of one slide take some GiB");
    else if (kind == "tmpfs")
      findings.worth_a_look(what,
                            found + "; it lies in memory, beside what 'memory' says, and is lost with power");
    else
      findings.fine(what, found);
  } catch (const std::exception& problem) {
    findings.wrong(what, fmt::format("{} (file system {})", problem.what(), kind.empty() ? "unknown" : kind));
  }
}

void examine_plugins(const Plugins& plugins, Findings& findings) {
  for (const PluginFile& file : plugins.files())
    file.problem.empty() ? findings.fine("plugin " + file.list.name, file.library.string())
                         : findings.wrong("plugin", file.problem);
  if (plugins.files().empty())
    findings.wrong("plugins", "none found; see `flowrun plugins` for where they are looked for");
}

/// By the device files of the drivers; what a plugin's library can do with one only that library knows.
void examine_gpu(Findings& findings) {
  std::error_code unknown;
  const bool there = fs::exists("/dev/nvidiactl", unknown) || fs::exists("/dev/kfd", unknown);
  findings.fine("GPU", there ? "a driver is loaded; `flowrun --version` says how many devices libtorch sees"
                             : "no driver is loaded, so models compute on the processor");
}

}  // namespace

int examine_machine(const std::vector<fs::path>& plugin_folders, const fs::path& folder) {
  Findings findings;
  const Machine machine = this_machine();
  examine_processor(machine, findings);
  examine_memory(machine, findings);
  examine_outputs(folder, findings);
  examine_plugins(Plugins(plugin_search_path(plugin_folders, {}), true), findings);
  examine_gpu(findings);
  return all_printed() && !findings.any_wrong() ? 0 : 1;
}

}  // namespace flowrun::cli
