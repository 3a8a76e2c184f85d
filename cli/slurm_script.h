// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace flowrun::cli {

/// A run that is shared out to jobs of Slurm.
struct SlurmRun {
  std::string name;
  std::vector<std::string> command;  ///< flowrun with its arguments, but for --part
  std::filesystem::path folder;      ///< where it runs, absolute
  std::filesystem::path output;      ///< an output folder of the run, absolute
  int parts = 1;
  int retries = 0;  ///< how often parts that failed are done once more
  int cpus = 1;
  std::size_t memory = 0;            ///< bytes that a job may take
  std::vector<std::string> options;  ///< of sbatch, further ones: "--time=10:00"
};

/// The folder of the scripts, of what they say and of what they leave for each other.
std::filesystem::path slurm_folder(const std::filesystem::path& output);
/// Where the job that gathers, by its number, keeps the jobs that parts are done by: a line each, "NUMBER
/// WHAT", the first as submitted.
std::filesystem::path parts_of(const std::filesystem::path& output, const std::string& gathering_job);

/// The batch script of a part, a task of an array of as many as there are parts. Shortly before its time
/// limit the run is interrupted, and the task put into the queue again if it got on. Throws Error when Slurm
/// cannot be told a text.
std::string part_script(const SlurmRun& run);
/// The batch script of the job that gathers; its argument is the number of the array. While parts wait or
/// run it puts itself into the queue again, and parts that failed it submits once more. Throws as above.
std::string gather_script(const SlurmRun& run);

}  // namespace flowrun::cli
