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

namespace fs = std::filesystem;

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
std::string as_pattern(const fs::path& path) {
  std::string out;
  for (const char c : path.string()) {
    if (c == '\\')
      throw Error(fmt::format("{}: Slurm cannot write logs where a path has a backslash", path.string()));
    out += c == '%' ? std::string("%%") : std::string(1, c);
  }
  return out;
}

std::size_t mebibytes(std::size_t bytes) {
  return (bytes + MiB - 1) / MiB;
}

std::string options_of(const SlurmRun& run, const std::string& log, bool array) {
  std::vector<std::string> options{"--job-name=" + run.name};
  if (array) options.push_back(fmt::format("--array=1-{}", run.parts));
  options.push_back("--output=" + as_pattern(slurm_folder(run.output)) + "/" + log);
  options.push_back("--open-mode=append");
  options.push_back(fmt::format("--cpus-per-task={}", run.cpus));
  options.push_back(fmt::format("--mem={}M", mebibytes(run.memory)));
  options.push_back("--requeue");
  options.push_back("--signal=B:USR2@120");
  std::string out;
  for (const std::string& option : options) out += "#SBATCH " + in_option(option) + "\n";
  if (run.options.empty()) return out;
  out += "#SBATCH";
  for (const std::string& option : run.options) out += " " + in_option(option);
  return out + "\n";
}

std::string command_of(const SlurmRun& run) {
  std::vector<std::string> words;
  for (const std::string& word : run.command) words.push_back(in_shell(word));
  return fmt::format("{}", fmt::join(words, " "));
}

/// Runs `command`, so that signals reach it; then `code` is its exit code, and `limit` is set if the time
/// limit came near.
std::string interruptible(const std::string& command, std::string_view at_term) {
  return fmt::format(R"(run= limit=
trap 'limit=near; [ -z "$run" ] || kill -TERM "$run"' USR2
trap '{at_term}[ -z "$run" ] || kill -TERM "$run"' TERM
{command} &
run=$!
[ -z "$limit" ] || kill -TERM "$run"
# A signal ends a wait, but not the run.
while kill -0 "$run" 2>/dev/null; do wait "$run"; done
wait "$run"
code=$?
)",
                     fmt::arg("at_term", at_term), fmt::arg("command", command));
}

/// Asks with `asked` for the job to be queued again if the time limit ended it, and it got on; `room`: where
/// its run left its summary.
std::string again_at_the_limit(const std::string& room, std::string_view asked) {
  return fmt::format(R"(if [ -n "$limit" ] && [ "$code" -ge 128 ]; then
  if grep -q '"done": [1-9]' {room}/summary.json; then
    echo 'time limit: what is whole is kept; Slurm is asked to start the job again' >&2
    {asked}
  else
    echo 'error: time limit: nothing became whole within it, so the job is not started again; submit it with more --time' >&2
  fi
fi
exit "$code"
)",
                     fmt::arg("room", room), fmt::arg("asked", asked));
}

}  // namespace

fs::path slurm_folder(const fs::path& output) {
  return output / ".flowrun/slurm";
}

fs::path parts_of(const fs::path& output, const std::string& gathering_job) {
  return slurm_folder(output) / ("parts-before-" + gathering_job);
}

std::string part_script(const SlurmRun& run) {
  const std::string part = fmt::format(R"("$SLURM_ARRAY_TASK_ID-of-{}")", run.parts);
  return fmt::format(
      R"(#!/bin/bash
# Each task of this array does its part of the slides.
{options}
cd {folder} || exit 1
# How it ended, for gather.sh: an exit code, or that it goes on; not there when it was killed.
ended={slurm}/part-{part}.code
rm -f "$ended"
{run}[ -e "$ended" ] || echo "$code" > "$ended"
{again})",
      fmt::arg("options", options_of(run, fmt::format("part-%a-of-{}.%A.log", run.parts), true)),
      fmt::arg("folder", in_shell(run.folder.string())),
      fmt::arg("slurm", in_shell(slurm_folder(run.output).string())), fmt::arg("part", part),
      fmt::arg("run", interruptible(
                          fmt::format(R"({} --part "$SLURM_ARRAY_TASK_ID/{}")", command_of(run), run.parts),
                          // Cancelled by somebody, who would not have it done once more.
                          R"([ -n "$limit" ] || echo 130 > "$ended"; )")),
      fmt::arg("again", again_at_the_limit(
                            fmt::format("{}/parts/{}", in_shell((run.output / ".flowrun").string()), part),
                            R"(# Whether it goes on cannot be asked: Slurm ends this script meanwhile.
    echo again > "$ended"
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID")")));
}

std::string gather_script(const SlurmRun& run) {
  return fmt::format(
      R"script(#!/bin/bash
# What the parts left: gathers from all slides, and does those that are missing.
# To submit it by hand: sbatch --dependency=afterany:NUMBER gather.sh NUMBER, with the number of the parts' job.
{options}
cd {folder} || exit 1
slurm={slurm}
parts={parts} retries={retries}
more_memory=$((${{SLURM_MEM_PER_NODE:-{memory}}} * 3 / 2))M

after_the_parts() {{
  trap '' TERM
  if scontrol requeue "$SLURM_JOB_ID"; then
    # Which Slurm takes until it has ended this script; if it does not, this job looks again in some minutes.
    scontrol update jobid="$SLURM_JOB_ID" dependency="afterany:$(cut -d' ' -f1 "$before" | paste -sd:)"
    exit 1
  fi
  trap - TERM
  echo 'warning: Slurm does not start this job again after the parts, so it does what they have not done' >&2
}}

# The jobs by which parts are done: a number and what for, a line each.
coming= before=$slurm/parts-before-$SLURM_JOB_ID
[ -n "$SLURM_RESTART_COUNT" ] && [ -s "$before" ] ||
  echo "${{1:?give the number of the job of the parts}} as submitted" > "$before"
wait_or_run() {{
  until queue=$(squeue --noheader --user="$SLURM_JOB_USER" --format=%F); do sleep 10; done
  grep -qxFf <(cut -d' ' -f1 "$before") <<< "$queue"
}}
# A part that asked to be started again, or that Slurm ends to do so, may be in no queue for a moment. What it left is read
# before the queue, as it takes that away when it begins.
for ((look = 0; look < 12; look++)); do
  goes_on=$(grep -hsxE 'again|130' "$slurm"/part-*-of-"$parts".code)
  wait_or_run && coming=parts && break
  [ -n "$goes_on" ] || break
  sleep 5
done
failed=$(for ((part = 1; part <= parts; part++)); do
  case $(cat "$slurm/part-$part-of-$parts.code" 2> /dev/null) in
    # Done; a mistake in the graph; done but for what was left out; interrupted, or about to go on. Else it failed or was killed.
    0 | 2 | 3 | 130 | again) ;;
    *) echo "$part" ;;
  esac
done)
if [ -n "$coming" ]; then
  echo 'parts wait or run: this job is for after them' >&2
  after_the_parts
elif [ -n "$failed" ]; then
  last=$(tail -n 1 "$before" | cut -d' ' -f1)
  # Of these the ones that Slurm ended for their memory, as it says in their logs.
  starved=$(for part in $failed; do
    ! grep -qE 'oom.kill event|exceeded memory limit' "$slurm/part-$part-of-$parts.$last.log" || echo "$part"
  done)
  retry=$(($(grep -c retry "$before") + 1))
  again= memory=()
  ! grep -q memory "$before" || memory=(--mem="$more_memory")
  if [ -n "$starved" ] && [ ${{#memory[@]}} -eq 0 ]; then
    again=$starved what="once more with $more_memory of memory" memory=(--mem="$more_memory")
  elif [ "$retry" -le "$retries" ]; then
    again=$failed what="retry $retry of $retries"
  fi
  again=$(paste -sd, <<< "$again")
  if [ -n "$again" ] && job=$(sbatch --parsable --array="$again" "${{memory[@]}}" "$slurm/parts.sh"); then
    echo "${{job%%;*}} $what: part $again" | tee -a "$before" >&2
    after_the_parts
  fi
fi

{run}{again})script",
      fmt::arg("options", options_of(run, "gather.%j.log", false)),
      fmt::arg("folder", in_shell(run.folder.string())),
      fmt::arg("slurm", in_shell(slurm_folder(run.output).string())), fmt::arg("parts", run.parts),
      fmt::arg("retries", run.retries), fmt::arg("memory", mebibytes(run.memory)),
      fmt::arg("run", interruptible(command_of(run), "")),
      fmt::arg("again", again_at_the_limit(in_shell((run.output / ".flowrun").string()),
                                           R"(scontrol requeue "$SLURM_JOB_ID")")));
}

}  // namespace flowrun::cli
