// SPDX-License-Identifier: Apache-2.0
#include "submit_command.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <cctype>

#include "other_program.h"
#include "output/files.h"
#include "run/run.h"
#include "say.h"
#include "slurm_script.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

/// Submits a script; returns the job's number. What sbatch has to say it says on standard error. Throws
/// Error.
std::string sbatch(std::vector<std::string> words) {
  words.insert(words.begin(), {"sbatch", "--parsable"});
  const auto ended = run_other(words);
  if (!ended)
    throw Error(
        "Slurm's program sbatch is not in PATH: submit on a machine of the cluster, or say --dry-run to see "
        "the scripts");
  // "NUMBER" or "NUMBER;CLUSTER"
  const std::string number = ended->printed.substr(0, ended->printed.find_first_not_of("0123456789"));
  if (!ended->succeeded || number.empty()) throw Error(fmt::format("sbatch did not take {}", words.back()));
  return number;
}

std::vector<std::string> command_of(const RunArguments& run, const Plan& plan) {
  std::vector<std::string> words{fs::read_symlink("/proc/self/exe").string()};
  for (const auto& folder : run.plan.plugin_folders)
    words.insert(words.end(), {"--plugin-dir", fs::absolute(folder).string()});
  words.insert(words.end(), {"run", fs::absolute(run.graph).string()});
  for (const auto& [name, value] : run.plan.settings)
    words.insert(words.end(), {"--set", name + "=" + value});
  words.insert(words.end(),
               {"--threads", std::to_string(plan.threads), "--memory", std::to_string(plan.memory)});
  words.push_back("--quiet");
  return words;
}

std::vector<std::string> options_of(const SubmitArguments& submit) {
  std::vector<std::string> options;
  if (!submit.time.empty()) options.push_back("--time=" + submit.time);
  if (!submit.partition.empty()) options.push_back("--partition=" + submit.partition);
  if (!submit.gres.empty()) options.push_back("--gres=" + submit.gres);
  options.insert(options.end(), submit.more.begin(), submit.more.end());
  return options;
}

/// What a job must be granted, of which the run may take `memory`.
std::size_t limit_for(std::size_t memory) {
  std::size_t limit = memory / 3 * 4 / MiB * MiB;
  while (leasable(limit) < memory) limit += MiB;
  return limit;
}

/// As all systems take it in names of jobs.
std::string job_name(const fs::path& graph) {
  std::string name = graph.stem().string();
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_') c = '-';
  return "flowrun-" + name;
}

void submit_scripts(const fs::path& folder, const std::string& parts, const std::string& gather, int jobs) {
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) throw Error(fmt::format("cannot make the folder {}: {}", folder.string(), problem.message()));
  write_whole(folder / "parts.sh", parts);
  write_whole(folder / "gather.sh", gather);
  const std::string array = sbatch({(folder / "parts.sh").string()});
  print("{}: {} parts, {}\n", array, jobs, (folder / "parts.sh").string());
  try {
    const std::string last = sbatch({"--dependency=afterany:" + array, (folder / "gather.sh").string()});
    print("{}: gathers when they have ended, {}\n", last, (folder / "gather.sh").string());
  } catch (const Error& failure) {
    throw Error(fmt::format(
        "{}; the parts are submitted as job {}: end them with scancel {}, or submit the rest with "
        "sbatch --dependency=afterany:{}",
        failure.what(), array, array, array));
  }
}

SlurmJob job_of(const RunArguments& run, const SubmitArguments& submit, const Plan& plan) {
  if (plan.output_folders.empty())
    throw Error(run.graph.string() + ": the graph writes nothing that parts could share");
  if (!submit.more.empty() && !submit.more.front().starts_with('-'))
    throw Error(fmt::format("expected options of sbatch after --, found '{}'", submit.more.front()));
  SlurmJob job;
  job.name = job_name(run.graph);
  job.command = command_of(run, plan);
  job.folder = fs::current_path();
  job.output = fs::absolute(plan.output_folders.front());
  job.cpus = plan.threads;
  job.memory = run.plan.machine.memory.value_or(limit_for(plan.memory));
  job.options = options_of(submit);
  return job;
}

}  // namespace

int submit_graph(RunArguments run, const SubmitArguments& submit) {
  std::string parts, gather;
  SlurmJob job;
  try {
    // The machine on which it is submitted says nothing of those on which it will run.
    run.plan.machine = {1, {}};
    if (!submit.memory.empty()) run.plan.machine.memory = parse_bytes(submit.memory);
    const auto loaded = load_or_say(run);
    if (!loaded) return static_cast<int>(Exit::usage);
    job = job_of(run, submit, loaded->plan);
    gather = slurm_script(job);
    job.parts = submit.jobs;
    parts = slurm_script(job);
  } catch (const Error& problem) {
    say("error: {}\n", problem.what());
    return static_cast<int>(Exit::usage);
  }
  if (submit.dry_run)
    print("{}\n{}", parts, gather);
  else
    submit_scripts(job.output / ".flowrun/slurm", parts, gather, submit.jobs);
  return all_printed() ? 0 : 1;
}

}  // namespace flowrun::cli
