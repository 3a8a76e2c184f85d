// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>

namespace flowrun {

/// Sees what the runs in an output folder, one or of parts, are doing or how they ended, from the folder
/// alone. Not thread-safe.
class RunWatcher {
 public:
  /// A run tells its status every two seconds; of another machine's process nothing else can be seen.
  static constexpr std::chrono::seconds patience{6};

  /// Runs that a scheduler's job with a number below `first_job` told of are left out: those of an earlier
  /// submission.
  explicit RunWatcher(std::filesystem::path output_folder, std::uint64_t first_job = 0)
      : folder_(std::move(output_folder)), first_job_(first_job) {}

  /// An object in JSON (UTF-8, one line):
  /// - `running`: how many runs go on
  /// - `unsure`: true when some runs of another machine were seen for the first time: whether they are gone
  ///   is known after `patience`
  /// - `groups`: the run of all, then the runs of parts by their count; none when no run told its status
  ///
  /// A group:
  /// - `count`: of parts; 0: the run of all
  /// - `runs`: what is in each run's status.json (docs/writing-graphs.md has its fields), by the number of
  ///   the part; `state` is "gone" where a run ended without a word
  /// - `running`, `gone`, `ended`: how many
  /// - `scope_kind`, `scopes_ended`, `failure_count`: of all together
  /// - `packets_per_second`: of those that run, together
  ///
  /// @throws Error that names a file which is not as a run writes it
  std::string read();

 private:
  struct Beat {
    std::uint64_t number;
    std::chrono::steady_clock::time_point since;
  };
  std::filesystem::path folder_;
  std::uint64_t first_job_;
  std::map<std::pair<int, int>, Beat> seen_;  // of runs of other machines, by count and number of the part
};

}  // namespace flowrun
