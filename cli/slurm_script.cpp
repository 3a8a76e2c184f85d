// SPDX-License-Identifier: Apache-2.0
// Options, variables and patterns of file names are those of sbatch(1).
#include "slurm_script.h"

#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <string_view>

namespace flowrun::cli {
namespace {

constexpr std::string_view plain_characters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./=:,@%+";

bool is_plain(const std::string& word) {
  return !word.empty() && word.find_first_not_of(plain_characters) == std::string::npos;
}

std::string in_shell(const std::string& word) {
  if (is_plain(word)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

/// A word of a line "#SBATCH", where \ and quotes mean what they do within double quotes of a shell.
std::string in_option(const std::string& word) {
  if (std::any_of(word.begin(), word.end(), [](unsigned char c) { return c < ' '; }))
    throw Error(fmt::format("'{}': a line of a batch script cannot have control characters", word));
  if (is_plain(word)) return word;
  std::string out = "\"";
  for (const char c : word) out += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return out + "\"";
}

/// A path in which Slurm replaces nothing.
std::string as_pattern(const std::filesystem::path& path) {
  std::string out;
  for (const char c : path.string()) {
    if (c == '\\')
      throw Error(fmt::format("{}: Slurm cannot write logs where a path has a backslash", path.string()));
    out += c == '%' ? std::string("%%") : std::string(1, c);
  }
  return out;
}

std::string options_of(const SlurmJob& job) {
  const std::string log = job.parts > 0 ? fmt::format("part-%a-of-{}.%A.log", job.parts) : "gather.%j.log";
  std::vector<std::string> options{"--job-name=" + job.name};
  if (job.parts > 0) options.push_back(fmt::format("--array=1-{}", job.parts));
  options.push_back("--output=" + as_pattern(job.output / ".flowrun/slurm") + "/" + log);
  options.push_back("--open-mode=append");
  options.push_back(fmt::format("--cpus-per-task={}", job.cpus));
  options.push_back(fmt::format("--mem={}M", (job.memory + MiB - 1) / MiB));
  options.push_back("--requeue");
  options.push_back("--signal=B:USR2@120");
  std::string out;
  for (const std::string& option : options) out += "#SBATCH " + in_option(option) + "\n";
  if (job.options.empty()) return out;
  out += "#SBATCH";
  for (const std::string& option : job.options) out += " " + in_option(option);
  return out + "\n";
}

}  // namespace

std::string slurm_script(const SlurmJob& job) {
  std::vector<std::string> words;
  for (const std::string& word : job.command) words.push_back(in_shell(word));
  if (job.parts > 0) words.push_back(fmt::format(R"(--part "$SLURM_ARRAY_TASK_ID/{}")", job.parts));
  const std::string reports = in_shell((job.output / ".flowrun").string());
  const std::string room =
      job.parts > 0 ? fmt::format(R"({}/parts/"$SLURM_ARRAY_TASK_ID"-of-{})", reports, job.parts) : reports;
  return fmt::format(
      R"(#!/bin/bash
# {what}
{options}
cd {folder} || exit 1
run= limit=
trap 'limit=near; [ -z "$run" ] || kill -TERM "$run"' USR2
trap '[ -z "$run" ] || kill -TERM "$run"' TERM
{command} &
run=$!
[ -z "$limit" ] || kill -TERM "$run"
# A signal ends a wait, but not the run.
while kill -0 "$run" 2>/dev/null; do wait "$run"; done
wait "$run"
code=$?
if [ -n "$limit" ] && [ "$code" -ge 128 ]; then
  if grep -q '"done": [1-9]' {room}/summary.json; then
    echo 'time limit: what is whole is kept; Slurm is asked to start the job again' >&2
    scontrol requeue {id}
  else
    echo 'error: time limit: nothing became whole within it, so the job is not started again; submit it with more --time' >&2
  fi
fi
exit "$code"
)",
      fmt::arg("what",
               job.parts > 0
                   ? "Each task of this array does its part of the slides."
                   : "What the parts left: gathers from all slides, and does those that are missing."),
      fmt::arg("options", options_of(job)), fmt::arg("folder", in_shell(job.folder.string())),
      fmt::arg("command", fmt::join(words, " ")), fmt::arg("room", room),
      fmt::arg("id",
               job.parts > 0 ? R"("${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID")" : R"("$SLURM_JOB_ID")"));
}

}  // namespace flowrun::cli
