// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>

#include "commands.h"
#include "progress.h"
#include "report/report.h"
#include "run/rank_run.h"
#include "run/run.h"
#include "say.h"
#include "terminal.h"

namespace flowrun::cli {
namespace {

std::atomic<bool> interrupted = false;
std::atomic<bool> asked_for_report = false;
static_assert(std::atomic<bool>::is_always_lock_free);

extern "C" void on_interrupt(int) {
  if (interrupted.exchange(true)) ::_exit(static_cast<int>(Exit::interrupted));
  asked_for_report = true;  // what the end waits for
}
extern "C" void on_question(int) {
  asked_for_report = true;
}

void catch_signal(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

void catch_signals() {
  catch_signal(SIGINT, on_interrupt);
  catch_signal(SIGTERM, on_interrupt);
  catch_signal(SIGUSR1, on_question);
}

/// Progress and failures on standard error: lines that are rewritten on a terminal, else one now and then.
class Reporter {
 public:
  Reporter(bool quiet, const Rank& rank)
      : quiet_(quiet || rank.number > 0),
        terminal_(can_be_drawn_on(STDERR_FILENO)),
        whose_(rank.count > 1 ? fmt::format("rank {}: ", rank.number) : "") {}
  ~Reporter() { clear(); }

  double interval() const { return terminal_ ? 0.2 : 5; }

  void progress(const RunStatus& status) {
    std::scoped_lock lock(mutex_);
    if (quiet_) return;
    const char* const stopping = interrupted ? " (stopping; once more to end at once)" : "";
    if (!terminal_) return say("{}{}\n", progress_text(status, false), stopping);
    auto lines = progress_lines(status, lines_of_terminal(STDERR_FILENO) - 1);
    lines.back() += stopping;
    say("{}{}", erased(shown_), unwrapped(lines));
    shown_ = lines.size();
  }

  void report(const std::string& text) {
    std::scoped_lock lock(mutex_);
    clear();
    if (!quiet_) say_text(text);
  }

  void failure(const RunFailure& failure) {
    std::scoped_lock lock(mutex_);
    clear();
    say_text(whose_ + failure_text(failure.scope, failure.node, failure.message));
  }

 private:
  void clear() { say_text(erased(std::exchange(shown_, 0))); }

  const bool quiet_;
  const bool terminal_;
  const std::string whose_;
  std::size_t shown_ = 0;  // lines
  std::mutex mutex_;
};

}  // namespace

std::optional<LoadedPlan> load_or_say(const RunArguments& arguments) {
  try {
    return load_plan(arguments.graph, arguments.plan);
  } catch (const GraphError& problem) {
    say_text(problem.what());
  } catch (const Error& problem) {
    say("error: {}\n", problem.what());
  }
  return {};
}

int check_graph(const RunArguments& arguments) {
  const auto loaded = load_or_say(arguments);
  if (!loaded) return static_cast<int>(Exit::usage);
  print_text(describe_plan(loaded->plan));
  return all_printed() ? 0 : static_cast<int>(Exit::failed);
}

namespace {

/// A report that cannot be written changes nothing of the run.
void report_in(const std::vector<std::filesystem::path>& folders) {
  for (const auto& folder : folders) try {
      write_report(folder, folder / "report.html");
    } catch (const std::exception& problem) {
      say("warning: there is no report: {}\n", problem.what());
    }
}

}  // namespace

int run_graph(const RunArguments& arguments) {
  std::signal(SIGHUP, SIG_IGN);  // a terminal that is closed ends no run
  auto loaded = load_or_say(arguments);
  if (!loaded) return static_cast<int>(Exit::usage);
  catch_signals();
  RunResult result;
  bool is_first = true;  // the only one of those that train together to tell what became of the run
  {
    RunOptions options;
    if (!arguments.part) options.rank = rank_of_run(loaded->plan);
    is_first = options.rank.number == 0;
    Reporter reporter(arguments.quiet, options.rank);
    options.force = arguments.force;
    options.part = arguments.part;
    options.interrupted = &interrupted;
    options.on_failure = [&](const RunFailure& failure) { reporter.failure(failure); };
    options.on_progress = [&](const RunStatus& status) { reporter.progress(status); };
    options.progress_seconds = reporter.interval();
    options.on_report = [&](const std::string& text) { reporter.report(text); };
    options.asked_for_report = &asked_for_report;
    if (is_first) options.trace = arguments.trace;
    result = run(loaded->plan, options);
  }
  if (!is_first) return static_cast<int>(result.exit);
  if (arguments.report && !arguments.part) report_in(result.output_folders);
  if (arguments.json)
    print("{}\n", summary_json(result).dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
  else if (!arguments.quiet)
    print_text(summary_text(result));
  if (result.exit == Exit::interrupted)
    say("interrupted: what is whole is kept; run the same command again to go on\n");
  all_printed();  // which does not change what became of the run
  return static_cast<int>(result.exit);
}

}  // namespace flowrun::cli
