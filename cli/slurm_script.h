// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace flowrun::cli {

/// A run as a job of Slurm.
struct SlurmJob {
  std::string name;
  std::vector<std::string> command;  ///< flowrun with its arguments, but for --part
  std::filesystem::path folder;      ///< where it runs, absolute
  std::filesystem::path output;      ///< an output folder of the run, absolute
  int parts = 0;                     ///< an array of as many tasks, each a part; 0: one job that does all
  int cpus = 1;
  std::size_t memory = 0;            ///< bytes that the job may take
  std::vector<std::string> options;  ///< of sbatch, further ones: "--time=10:00"
};

/// The batch script of a job: its options, the run, and what happens shortly before the time limit: the run
/// is interrupted, and the job put into the queue again if it got on. Throws Error when Slurm cannot be told
/// a text.
std::string slurm_script(const SlurmJob& job);

}  // namespace flowrun::cli
