// SPDX-License-Identifier: Apache-2.0
// What scontrol prints, and states of jobs: scontrol(1), squeue(1).
#include "slurm_wait.h"

#include <flowrun/error.h>
#include <flowrun/run_watcher.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <chrono>
#include <csignal>
#include <iostream>
#include <thread>
#include <utility>

#include "other_program.h"
#include "output/files.h"
#include "progress.h"
#include "run/run.h"
#include "say.h"
#include "slurm_script.h"
#include "status_command.h"
#include "terminal.h"

namespace flowrun::cli {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;
using Clock = std::chrono::steady_clock;

/// Slurm is asked so often, and may be silent for so long: its controller may be started anew.
constexpr auto asked_every = 10s;
constexpr auto longest_silence = 10min;

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);
extern "C" void on_interrupt_of_wait(int) {
  if (interrupted.exchange(true)) ::_exit(static_cast<int>(Exit::interrupted));
}

/// A value of "NAME=VALUE NAME=VALUE"; empty if it is not there.
std::string value_of(const std::string& name, const std::string& text) {
  const auto at = text.find(" " + name + "=");
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 2;
  return text.substr(begin, text.find_first_of(" \n", begin) - begin);
}

std::uint64_t number_in(const std::string& text) {
  std::uint64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct JobState {
  std::string state, code;  // "FAILED", "3:0"
  bool ended() const {
    for (const char* name :
         {"PENDING", "CONFIGURING", "RUNNING", "COMPLETING", "SUSPENDED", "STOPPED", "RESIZING", "SIGNALING",
          "STAGE_OUT", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD"})
      if (state == name) return false;
    return true;
  }
};

/// Nothing when Slurm does not answer.
std::optional<JobState> state_of(const std::string& job) {
  const auto told = run_other({"scontrol", "show", "job", "--oneliner", job});
  if (!told) throw Error("Slurm's program scontrol is not in PATH");
  JobState state{value_of("JobState", told->printed), value_of("ExitCode", told->printed)};
  if (!told->succeeded || state.state.empty()) return {};
  return state;
}

int exit_code_of(const std::string& job, const JobState& ended) {
  const int code = static_cast<int>(number_in(ended.code));
  if (ended.state == "COMPLETED" || (ended.state == "FAILED" && code != 0)) return code;
  say("error: job {}, which gathers, ended as {} ({})\n", job, ended.state, ended.code);
  return static_cast<int>(ended.state == "CANCELLED" ? Exit::interrupted : Exit::failed);
}

/// What is said on standard error meanwhile: a line that is rewritten on a terminal, else one now and then.
class Line {
 public:
  ~Line() { clear(); }
  std::chrono::seconds interval() const { return terminal_ ? 1s : 10s; }
  void show(const std::string& text) {
    if (!terminal_) return say("{}\n", text);
    say("{}{}", erased(shown_), unwrapped({text}));
    shown_ = 1;
  }
  void clear() { say_text(erased(std::exchange(shown_, 0))); }

 private:
  const bool terminal_ = can_be_drawn_on(STDERR_FILENO);
  std::size_t shown_ = 0;  // lines
};

class Wait {
 public:
  explicit Wait(const SubmittedRun& run) : run_(run), watcher_(run.output, number_in(run.parts)) {
    jobs_.push_back(run.parts);
  }

  int to_the_end() {
    auto answered = Clock::now();
    for (auto next = answered; !interrupted;) {
      const auto now = Clock::now();
      if (now >= next) {
        next = now + asked_every;
        if (const auto state = state_of(run_.gather)) {
          answered = now;
          if (state->ended()) {
            line_.clear();
            return exit_code_of(run_.gather, *state);
          }
        } else if (now - answered > longest_silence) {
          throw Error(fmt::format("Slurm does not tell what becomes of job {}; {}", run_.gather, to_end()));
        }
      }
      say_of_more_jobs();
      line_.show(progress());
      for (const auto until = now + line_.interval(); Clock::now() < until && !interrupted;)
        std::this_thread::sleep_for(50ms);
    }
    line_.clear();
    return leave();
  }

 private:
  /// Those that the gathering job submitted since.
  void say_of_more_jobs() {
    const auto text = read_text(parts_of(run_.output, run_.gather));
    if (!text) return;
    std::size_t number = 0;
    for (std::size_t begin = 0, end; (end = text->find('\n', begin)) != std::string::npos; begin = end + 1) {
      const std::string line = text->substr(begin, end - begin);
      if (number++ < jobs_.size()) continue;
      jobs_.push_back(line.substr(0, line.find(' ')));
      line_.clear();
      say("{}\n", line);
    }
  }

  std::string progress() try {
    const json seen = json::parse(watcher_.read());
    std::string of_parts = fmt::format("0 of {} parts: none has begun", run_.count);
    for (const json& group : seen["groups"]) {
      if (group["count"] == 0 && group["running"] != 0)
        return "gathers: " + progress_text(status_of(group["runs"][0]), false);
      if (group["count"] == run_.count) of_parts = total_of(group);
    }
    return of_parts;
  } catch (const Error& problem) {
    return problem.what();
  }

  std::string to_end() const {
    return fmt::format("the jobs go on; to end them: scancel {} {}", fmt::join(jobs_, " "), run_.gather);
  }

  int leave() {
    bool cancel = false;
    if (::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1) {
      say("end jobs {} and {}? [y/N] ", fmt::join(jobs_, ", "), run_.gather);
      std::string answer;
      std::getline(std::cin, answer);
      cancel = answer == "y" || answer == "Y" || answer == "yes";
    }
    std::vector<std::string> words{"scancel", run_.gather};  // which would start when the others have ended
    words.insert(words.end(), jobs_.begin(), jobs_.end());
    if (!cancel)
      say("{}\n", to_end());
    else if (const auto ended = run_other(words); !ended || !ended->succeeded)
      say("error: scancel failed; {}\n", to_end());
    else
      say("cancelled: what is whole is kept; submit it again to go on\n");
    return static_cast<int>(Exit::interrupted);
  }

  const SubmittedRun& run_;
  RunWatcher watcher_;
  std::vector<std::string> jobs_;  ///< by which parts are done
  Line line_;
};

}  // namespace

int wait_for(const SubmittedRun& run) {
  struct sigaction action {};
  action.sa_handler = on_interrupt_of_wait;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  return Wait(run).to_the_end();
}

}  // namespace flowrun::cli
