// SPDX-License-Identifier: Apache-2.0
// The formats of /proc are those of proc(5) and cgroups(7), those of limits those of the kernel's
// Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/.
#include "plan/machine.h"

#include <flowrun/bytes.h>
#include <oneapi/tbb/info.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <vector>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

struct Mount {
  fs::path at;
  std::string kind;
  std::string options;  ///< with commas, of cgroup file systems with their controllers
};

std::vector<std::string> parts_of(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(line);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(std::move(part));
  return parts;
}

bool has_part(const std::string& list, const std::string& part) {
  const auto parts = parts_of(list, ',');
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

/// Blanks in paths are written as \040.
std::string unescaped(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string code = text.substr(i, 4);
    if (code.size() == 4 && code[0] == '\\' && code.find_first_not_of("01234567", 1) == std::string::npos) {
      out += static_cast<char>(std::stoi(code.substr(1), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> all;
  std::ifstream in(root / "proc/self/mountinfo");
  for (std::string line; std::getline(in, line);) {
    const auto fields = parts_of(line, ' ');
    const auto after = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 5 || fields.end() - after < 4) continue;
    all.push_back({unescaped(fields[4]), after[1], after[3]});
  }
  return all;
}

/// A number in a file of a control group; nothing for "max" and what is no number.
std::optional<double> number_in(const std::string& text) {
  try {
    const double number = std::stod(text);
    return number >= 0 ? std::optional(number) : std::nullopt;
  } catch (const std::exception&) {
    return {};
  }
}

std::string line_of(const fs::path& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

std::optional<double> memory_in(const fs::path& group, bool second_version) {
  return number_in(line_of(group / (second_version ? "memory.max" : "memory.limit_in_bytes")));
}

std::optional<double> cpus_in(const fs::path& group, bool second_version) {
  std::string quota, period;
  if (second_version) {
    std::istringstream in(line_of(group / "cpu.max"));
    in >> quota >> period;
  } else {
    quota = line_of(group / "cpu.cfs_quota_us");
    period = line_of(group / "cpu.cfs_period_us");
  }
  const auto time = number_in(quota), of = number_in(period);
  if (!time || !of || *of == 0) return {};
  return *time / *of;
}

/// The least of what `read` finds in the groups of the process that `controller` binds.
template <class Read>
std::optional<double> least(const fs::path& root, const std::string& controller, Read read) {
  std::optional<double> found;
  const std::vector<Mount> all = mounts(root);
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto fields = parts_of(line, ':');
    if (fields.size() < 3) continue;
    const bool second = fields[1].empty();
    if (!second && !has_part(fields[1], controller)) continue;
    for (const Mount& mount : all) {
      if (mount.kind != (second ? "cgroup2" : "cgroup")) continue;
      if (!second && !has_part(mount.options, controller)) continue;
      // In a container the path may be one of the host, which is not there: then what is mounted is its
      // group.
      const fs::path top = root / mount.at.relative_path();
      fs::path group = fs::path(fields[2]).relative_path();
      for (bool more = true; more; group = group.parent_path()) {
        more = !group.empty();
        if (const auto limit = read(top / group, second)) found = std::min(found.value_or(*limit), *limit);
      }
    }
  }
  return found;
}

}  // namespace

Machine this_machine(const fs::path& root) {
  Machine machine{tbb::info::default_concurrency(), {}};
  if (const auto quota = least(root, "cpu", cpus_in))
    machine.cpus = std::clamp(static_cast<int>(std::ceil(std::min(*quota, 1e6))), 1, machine.cpus);
  if (const auto limit = least(root, "memory", memory_in); limit && *limit < 0x1p62)
    machine.memory = static_cast<std::size_t>(*limit);  // without a limit, version 1 says 2^63 less a page
  return machine;
}

std::size_t leasable(std::size_t limit) {
  return limit / 4 * 3 / MiB * MiB;
}

std::size_t default_memory(const Machine& machine) {
  return machine.memory ? std::min(1 * GiB, leasable(*machine.memory)) : 1 * GiB;
}

std::string file_system_of(const fs::path& path, const fs::path& root) {
  std::error_code unknown;
  const fs::path whole = fs::weakly_canonical(path, unknown);
  std::string kind;
  std::size_t longest = 0;
  for (const Mount& mount : mounts(root)) {
    const fs::path within = whole.lexically_relative(mount.at);
    const std::size_t length = mount.at.native().size();
    if (within.empty() || *within.begin() == ".." || length < longest) continue;
    longest = length;
    kind = mount.kind;
  }
  return kind;
}

}  // namespace flowrun
