// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace flowrun {

/// What a lock's file says of the process that made it.
struct LockOwner {
  bool free = false;  ///< it has let go
  std::uint64_t beats = 0;
  std::string host;
  std::string boot;  ///< tells machines, and starts of a machine, and what processes are numbered by, apart
  std::int64_t process = 0;
  std::int64_t started = 0;  ///< when, by the machine's own clock: numbers of processes are given again
  std::string job;           ///< of Slurm; may be empty

  static LockOwner this_process();
  /// Always as long as before, whatever `free` and `beats` are.
  std::string to_text() const;
  /// Nothing when it is torn.
  static std::optional<LockOwner> from_text(const std::string& text);

  /// Whether its process lives; nothing when it is of another machine, and cannot be looked at.
  std::optional<bool> lives() const;
  /// For messages: "process 7 on node12, job 1234".
  std::string in_words() const;
};

}  // namespace flowrun
