// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace flowrun::cli {

/// The jobs of a run that was submitted, by their numbers.
struct SubmittedRun {
  std::string parts, gather;
  int count = 1;                 ///< of parts
  std::filesystem::path output;  ///< an output folder
};

/// Follows jobs to the end of the one that gathers; returns its exit code. Ctrl-C asks on a terminal whether
/// to cancel them, elsewhere leaves them alone. Throws Error when Slurm does not tell what becomes of them.
int wait_for(const SubmittedRun& run);

}  // namespace flowrun::cli
