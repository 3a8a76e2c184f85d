// SPDX-License-Identifier: Apache-2.0
#include "trial.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "../plugin/random/ledger.h"

namespace flowrun::test {
namespace {

PlanOptions options_with(std::size_t memory, int threads) {
  PlanOptions options;
  options.plugin_folders = {FLOWRUN_RANDOM_PLUGINS};
  options.memory = std::to_string(memory);
  options.threads = threads;
  return options;
}

/// The first line in which they differ, of both.
std::string difference(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const std::string one = i < a.size() ? a[i] : "nothing", other = i < b.size() ? b[i] : "nothing";
    if (one != other) return fmt::format("{}\n  instead of: {}", other, one);
  }
  return {};
}

/// See RandomGraph.
bool is_mistake_of_generator(const std::string& refusal) {
  for (const char* mistake : {" joins packets that are numbered by ", " is joined, by way of others, ",
                              " wait for ", " waits for "})
    if (refusal.find(mistake) != std::string::npos) return true;
  return false;
}

}  // namespace

Trial::Trial(RandomGraph graph, const TrialOptions& options, Ledger& ledger)
    : graph_(std::move(graph)), text_(graph_.text()), options_(options), ledger_(ledger) {}

std::string Trial::state() const {
  return fmt::format("{} threads, memory {}\n{}", threads_, memory_, text_);
}

Trial::Kind Trial::run() {
  if (!measure()) return Kind::refused;
  for (const int threads : options_.threads) {
    threads_ = threads;
    compare(threads, run_with(threads));
  }
  return why_.empty() ? Kind::passed : Kind::failed;
}

bool Trial::measure() {
  try {
    const LoadedPlan loaded = load_plan_text(text_, "random.yaml", options_with(1024 * GiB, 1));
    const double factor = options_.memory_factor > 0 ? options_.memory_factor : graph_.memory_factor;
    memory_ = static_cast<std::size_t>(static_cast<double>(loaded.plan.needed()) * factor);
    return true;
  } catch (const GraphError& problem) {
    why_ = problem.what();
    if (!is_mistake_of_generator(why_)) throw;
    return false;
  }
}

Outcome Trial::run_with(int threads) {
  ledger_.forget_peak();
  Outcome outcome;
  {
    LoadedPlan loaded = load_plan_text(text_, "random.yaml", options_with(memory_, threads));
    RunOptions options;
    options.quiet_seconds = options_.quiet_seconds;
    options.on_report = [](const std::string& report) { std::fputs(report.c_str(), stderr); };
    try {
      const RunResult result = flowrun::run(loaded.plan, options);
      for (const std::string& mistake : mistakes_in(result, loaded.plan)) complain(threads, mistake);
      had_failures_ |= result.failure_count > 0;
      outcome = outcome_of(result, loaded.plan);
    } catch (const std::exception& problem) {
      outcome.stopped = true;
      complain(threads, problem.what());
    }
  }
  most_held_ = std::max(most_held_, ledger_.peak());
  if (ledger_.peak() > memory_)
    complain(threads, fmt::format("{} bytes were held, but memory is {}", ledger_.peak(), memory_));
  if (ledger_.held() > 0) complain(threads, fmt::format("{} bytes are still held", ledger_.held()));
  return outcome;
}

void Trial::compare(int threads, const Outcome& outcome) {
  stopped_ |= outcome.stopped;
  if (outcome.stopped) return;
  if (std::exchange(compares_, true)) {
    if (const std::string other = difference(first_.lines, outcome.lines); !other.empty())
      complain(threads, other);
  } else {
    first_ = outcome;
  }
}

void Trial::complain(int threads, const std::string& what) {
  if (std::count(why_.begin(), why_.end(), '\n') > 10) return;
  why_ += fmt::format("{} threads: {}\n", threads, what);
}

}  // namespace flowrun::test
