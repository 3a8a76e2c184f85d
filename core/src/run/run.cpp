// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <thread>

#include "run/engine.h"
#include "run/series.h"
#include "run/status_file.h"

namespace flowrun {
namespace {

/// Looks at a run from a thread of its own: tells the progress, and what is under way when nothing moves.
class Watch {
 public:
  Watch(const Engine& engine, const RunOptions& options) : engine_(engine), options_(options) {
    if (options.on_progress || options.on_report)
      thread_ = std::jthread([this](std::stop_token stop) { work(stop); });
  }

 private:
  using Clock = std::chrono::steady_clock;

  void work(std::stop_token stop) {
    const auto interval = std::chrono::duration<double>(std::min(options_.progress_seconds, 0.5));
    auto told = Clock::now(), moved = told;
    std::uint64_t calls = 0;
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); })) {
      const auto now = Clock::now();
      const auto seconds_since = [&](Clock::time_point then) {
        return std::chrono::duration<double>(now - then).count();
      };
      if (options_.on_progress && seconds_since(told) >= options_.progress_seconds) {
        told = now;
        options_.on_progress(engine_.status());
      }
      if (std::exchange(calls, engine_.calls()) != calls) moved = now;
      const bool asked = options_.asked_for_report && options_.asked_for_report->exchange(false);
      const bool quiet = seconds_since(moved) >= options_.quiet_seconds;
      if (!options_.on_report || !(asked || quiet)) continue;
      moved = now;
      options_.on_report(
          (quiet ? fmt::format("nothing has ended for {:.0f} s; under way:\n", options_.quiet_seconds)
                 : "under way:\n") +
          engine_.report());
    }
  }

  const Engine& engine_;
  const RunOptions& options_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

std::string text_of(const nlohmann::json& json, int indent) {
  return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

/// Summary and series lie in each folder, and what a run that ended has written is on the disk.
void write_summary(RunResult& result, const nlohmann::json& series, const OutputFolders& folders,
                   const RunOptions& options) {
  const std::string text = text_of(summary_json(result), 2);
  try {
    for (const OutputFolder& folder : folders) {
      write_whole(folder.reports() / "series.json", text_of(series, -1));
      write_whole(folder.reports() / "summary.json", text);
    }
    folders.sync();
  } catch (const Error& problem) {
    const RunFailure failure{"", "", problem.what(), OnError::fail, {}};
    ++result.failure_count;
    result.failures.push_back(failure);
    if (result.exit != Exit::interrupted) result.exit = Exit::failed;
    if (options.on_failure) options.on_failure(failure);
  }
}

}  // namespace

RunResult run(Plan& plan, const RunOptions& options) {
  OutputFolders folders(plan.output_folders, options.part, {.on_wait = options.on_report}, options.rank);
  Engine engine(plan, &folders, options, budget_of(plan));
  SeriesRecorder series(engine);
  StatusFile status(engine, folders, options);
  {
    const Watch watch(engine, options);
    engine.run();
  }
  RunResult result = engine.result();
  write_summary(result, series.end(), folders, options);
  status.end(result);
  return result;
}

}  // namespace flowrun
