// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace flowrun {

/// What the machine grants this process: all of it, or what its control groups (of a container, a batch job)
/// leave of it.
struct Machine {
  int cpus = 1;  ///< that its threads may run on at once: affinity, and the group's quota rounded up
  std::optional<std::size_t> memory;  ///< bytes, beyond which a group's processes are killed
};

/// `root`: the folder in which proc/ and what it names are looked for. Control groups of both versions; a
/// process is bound by the tightest of its group and those around it. What cannot be read limits nothing.
Machine this_machine(const std::filesystem::path& root = "/");

/// Of a limit: what a graph may be given, as the program itself takes some.
std::size_t leasable(std::size_t limit);
/// What a graph gets when it says nothing: 1 GiB, or less where that does not fit.
std::size_t default_memory(const Machine& machine);

/// The kind of file system that `path` lies in, "ext4" say; empty when it is not known.
std::string file_system_of(const std::filesystem::path& path, const std::filesystem::path& root = "/");

}  // namespace flowrun
