// SPDX-License-Identifier: Apache-2.0
#include "submit_command.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "other_program.h"
#include "output/files.h"
#include "run/run.h"
#include "say.h"
#include "slurm_script.h"
#include "slurm_wait.h"

namespace flowrun::cli {
namespace {

namespace fs = std::filesystem;

/// Submits a script; returns the job's number. What sbatch has to say it says on standard error. Throws
/// Error.
std::string sbatch(const fs::path& script, const std::vector<std::string>& options = {},
                   const std::vector<std::string>& arguments = {}) {
  std::vector<std::string> words{"sbatch", "--parsable"};
  words.insert(words.end(), options.begin(), options.end());
  words.push_back(script.string());
  words.insert(words.end(), arguments.begin(), arguments.end());
  const auto ended = run_other(words);
  if (!ended)
    throw Error(
        "Slurm's program sbatch is not in PATH: submit on a machine of the cluster, or say --dry-run to see "
        "the scripts");
  // "NUMBER" or "NUMBER;CLUSTER"
  const std::string number = ended->printed.substr(0, ended->printed.find_first_not_of("0123456789"));
  if (!ended->succeeded || number.empty())
    throw Error(fmt::format("sbatch did not take {}", script.string()));
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

/// A node must compute on a GPU; one with "device: auto" may.
bool needs_gpu(const Plan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [](const PlanNode& node) {
    const auto device = node.options.find("device");
    return device != node.options.end() && device->is_string() &&
           device->get<std::string>().starts_with("cuda");
  });
}

bool asks_for_gpu(const std::vector<std::string>& options) {
  return std::any_of(options.begin(), options.end(), [](const std::string& option) {
    return option.starts_with("--gres") || option.starts_with("--gpus") || option.starts_with("-G");
  });
}

std::vector<std::string> options_of(const SubmitArguments& submit, const Plan& plan) {
  std::vector<std::string> options;
  if (!submit.time.empty()) options.push_back("--time=" + submit.time);
  if (!submit.partition.empty()) options.push_back("--partition=" + submit.partition);
  if (!submit.gres.empty())
    options.push_back("--gres=" + submit.gres);
  else if (needs_gpu(plan) && !asks_for_gpu(submit.more))
    options.push_back("--gres=gpu:1");
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

/// What parts of an earlier submission left says nothing of those of this one.
void forget_how_parts_ended(const fs::path& folder) {
  std::error_code problem;
  for (const auto& entry : fs::directory_iterator(folder, problem))
    if (entry.path().extension() == ".code") fs::remove(entry.path(), problem);
}

/// Throws Error.
SubmittedRun submit_scripts(const SlurmRun& run, const std::string& parts, const std::string& gather) {
  const fs::path folder = slurm_folder(run.output);
  std::error_code problem;
  fs::create_directories(folder, problem);
  if (problem) throw Error(fmt::format("cannot make the folder {}: {}", folder.string(), problem.message()));
  write_whole(folder / "parts.sh", parts);
  write_whole(folder / "gather.sh", gather);
  forget_how_parts_ended(folder);
  const std::string array = sbatch(folder / "parts.sh");
  print("{}: {} parts, {}\n", array, run.parts, (folder / "parts.sh").string());
  try {
    const std::string last = sbatch(folder / "gather.sh", {"--dependency=afterany:" + array}, {array});
    print("{}: gathers when they have ended, {}\n", last, (folder / "gather.sh").string());
    return {array, last, run.parts, run.output};
  } catch (const Error& failure) {
    throw Error(fmt::format(
        "{}; the parts are submitted as job {}: end them with scancel {}, or submit the rest with "
        "sbatch --dependency=afterany:{} gather.sh {}",
        failure.what(), array, array, array, array));
  }
}

SlurmRun slurm_run(const RunArguments& run, const SubmitArguments& submit, const Plan& plan) {
  if (plan.output_folders.empty())
    throw Error(run.graph.string() + ": the graph writes nothing that parts could share");
  if (!submit.more.empty() && !submit.more.front().starts_with('-'))
    throw Error(fmt::format("expected options of sbatch after --, found '{}'", submit.more.front()));
  SlurmRun job;
  job.name = job_name(run.graph);
  job.command = command_of(run, plan);
  job.folder = fs::current_path();
  job.output = fs::absolute(plan.output_folders.front());
  job.parts = submit.jobs;
  job.retries = submit.retries;
  job.cpus = plan.threads;
  job.memory = run.plan.machine.memory.value_or(limit_for(plan.memory));
  job.options = options_of(submit, plan);
  return job;
}

}  // namespace

int submit_graph(RunArguments run, const SubmitArguments& submit) {
  std::string parts, gather;
  SlurmRun job;
  try {
    // The machine on which it is submitted says nothing of those on which it will run.
    run.plan.machine = {1, {}};
    if (!submit.memory.empty()) run.plan.machine.memory = parse_bytes(submit.memory);
    const auto loaded = load_or_say(run);
    if (!loaded) return static_cast<int>(Exit::usage);
    job = slurm_run(run, submit, loaded->plan);
    parts = part_script(job);
    gather = gather_script(job);
  } catch (const Error& problem) {
    say("error: {}\n", problem.what());
    return static_cast<int>(Exit::usage);
  }
  if (submit.dry_run) {
    print("{}\n{}", parts, gather);
    return all_printed() ? 0 : 1;
  }
  const SubmittedRun submitted = submit_scripts(job, parts, gather);
  const bool printed = all_printed();
  if (submit.wait) return wait_for(submitted);
  return printed ? 0 : 1;
}

}  // namespace flowrun::cli
