// SPDX-License-Identifier: Apache-2.0
#include "run/run.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <map>
#include <thread>
#include <tuple>

#include "run/engine.h"

namespace flowrun {
namespace {

std::size_t peak_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * KiB;
}

/// Calls on_progress from a thread of its own until it is destroyed.
class Progress {
 public:
  Progress(const Engine& engine, const RunOptions& options) {
    if (!options.on_progress) return;
    thread_ = std::jthread([this, &engine, &options](std::stop_token stop) {
      const std::chrono::duration<double> interval(options.progress_seconds);
      std::unique_lock lock(mutex_);
      while (!wake_.wait_for(lock, stop, interval, [&] { return stop.stop_requested(); }))
        options.on_progress(engine.status());
    });
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_;  // last: it ends before what it uses
};

const char* policy_effect(OnError policy) {
  switch (policy) {
    case OnError::stop:
      return "stopped the run";
    case OnError::skip:
      return "left out";
    case OnError::fail:
      break;
  }
  return "failed";
}

}  // namespace

RunStatus Engine::status() const {
  RunStatus status;
  status.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  status.leased = budget_.used();
  status.memory = budget_.total();
  status.scopes_ended = scopes_done_ + scopes_failed_ + scopes_interrupted_ + scopes_skipped_;
  bool all_known = true;
  std::uint64_t expected = 0, busiest = 0;
  for (const RunNode& node : nodes_) {
    const NodeType& type = *node.plan->type;
    if (type.opens_scopes()) {
      const std::string& kind = type.outputs.front().name;
      status.scope_kind = status.scope_kind.empty() || status.scope_kind == kind ? kind : "scope";
      expected += node.expected;
      all_known = all_known && node.expected > 0;
    }
    const bool ends_packets = (type.outputs.empty() || type.gathers_scopes) && !type.inputs.empty();
    if (ends_packets && (status.packet_name.empty() || node.nanoseconds > busiest)) {
      busiest = node.nanoseconds;
      status.packet_name = type.inputs.front().name;
      status.packets = node.counts.in;
    }
  }
  if (all_known && expected > 0) status.scopes_expected = expected;
  return status;
}

RunResult Engine::result() {
  RunResult result;
  result.name = plan_.name;
  result.seconds = status().seconds;
  result.memory = budget_.total();
  result.peak_leased = budget_.peak();
  result.peak_rss = peak_rss();
  for (const RunNode& node : nodes_)
    result.nodes.push_back({node.plan->name, node.plan->type->name, node.counts.in, node.counts.out,
                            node.counts.dropped, node.counts.failed, node.counts.reasons.counts(),
                            static_cast<double>(node.nanoseconds) * 1e-9});
  result.counts = run_scope_->counts(plan_);
  result.scopes = std::move(scopes_);
  std::sort(result.scopes.begin(), result.scopes.end(),
            [](auto& a, auto& b) { return std::tie(a.name, a.status) < std::tie(b.name, b.status); });
  result.failures = std::move(failures_);
  const bool failed = std::any_of(result.failures.begin(), result.failures.end(),
                                  [](auto& f) { return f.policy != OnError::skip; });
  if (options_.interrupted && *options_.interrupted)
    result.exit = Exit::interrupted;
  else if (failed)
    result.exit = Exit::failed;
  else if (!result.failures.empty())
    result.exit = Exit::done_with_skips;
  return result;
}

RunResult run(Plan& plan, const RunOptions& options) {
  OutputFolders folders(plan.output_folders);
  Engine engine(plan, folders, options);
  {
    const Progress progress(engine, options);
    engine.run();
  }
  RunResult result = engine.result();
  for (const OutputFolder& folder : folders) {
    try {
      write_whole(folder.path() / ".flowrun" / "summary.json",
                  summary_json(result).dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
    } catch (const Error& problem) {
      const RunFailure failure{"", "", problem.what(), OnError::fail};
      result.failures.push_back(failure);
      if (result.exit != Exit::interrupted) result.exit = Exit::failed;
      if (options.on_failure) options.on_failure(failure);
    }
  }
  return result;
}

namespace {

std::string notes_text(const nlohmann::json& counts) {
  std::string out;
  for (const auto& [node, of_node] : counts.items())
    if (of_node.contains("notes"))
      for (const auto& [note, times] : of_node["notes"].items())
        out += fmt::format("  {}: {}{}\n", node, note,
                           times == 1 ? "" : fmt::format(" ({} times)", times.get<int>()));
  return out;
}

}  // namespace

std::string summary_text(const RunResult& result) {
  std::map<std::string, int> by_status;
  for (const ScopeResult& scope : result.scopes) ++by_status[scope.status];
  std::string out = fmt::format("{}: {:.2f} s, peak {} leased of {}, peak RSS {}\n", result.name,
                                result.seconds, format_bytes(result.peak_leased), format_bytes(result.memory),
                                format_bytes(result.peak_rss));
  out += fmt::format("{:<16}{:>12}{:>12}{:>12}{:>12}{:>12}\n", "node", "in", "out", "dropped", "failed",
                     "seconds");
  for (const NodeResult& node : result.nodes)
    out += fmt::format("{:<16}{:>12}{:>12}{:>12}{:>12}{:>12.2f}\n", node.name, node.in, node.out,
                       node.dropped, node.failed, node.seconds);
  for (const NodeResult& node : result.nodes)
    for (const auto& [reason, count] : node.reasons)
      out += fmt::format("{} dropped: {} {}\n", node.name, count, reason);
  for (const ScopeResult& scope : result.scopes) {
    out += fmt::format("{} {}: {}", scope.kind, scope.name, scope.status);
    for (const NodeResult& node : result.nodes)
      if (scope.counts.contains(node.name) && scope.counts[node.name].contains("out"))
        out += fmt::format(", {} {}", node.name, scope.counts[node.name]["out"].get<std::uint64_t>());
    out += "\n" + notes_text(scope.counts);
  }
  out += notes_text(result.counts);
  for (const RunFailure& failure : result.failures)
    out += fmt::format("{}: {}{}{}{}\n", policy_effect(failure.policy), failure.scope,
                       failure.scope.empty() ? "" : ": ", failure.node.empty() ? "" : failure.node + ": ",
                       failure.message);
  if (by_status.size() > 0) {
    out += "in all:";
    for (const auto& [status, count] : by_status) out += fmt::format(" {} {},", count, status);
    out.back() = '\n';
  }
  return out;
}

nlohmann::json summary_json(const RunResult& result) {
  nlohmann::ordered_json out{{"name", result.name},
                             {"exit", static_cast<int>(result.exit)},
                             {"seconds", result.seconds},
                             {"memory_bytes", result.memory},
                             {"peak_leased_bytes", result.peak_leased},
                             {"peak_rss_bytes", result.peak_rss},
                             {"nodes", nlohmann::json::array()},
                             {"scopes", nlohmann::json::array()},
                             {"counts", result.counts},
                             {"failures", nlohmann::json::array()}};
  for (const NodeResult& n : result.nodes)
    out["nodes"].push_back({{"name", n.name},
                            {"type", n.type},
                            {"in", n.in},
                            {"out", n.out},
                            {"dropped", n.dropped},
                            {"failed", n.failed},
                            {"reasons", n.reasons},
                            {"seconds", n.seconds}});
  for (const ScopeResult& s : result.scopes)
    out["scopes"].push_back({{"kind", s.kind}, {"name", s.name}, {"status", s.status}, {"counts", s.counts}});
  for (const RunFailure& f : result.failures)
    out["failures"].push_back(
        {{"scope", f.scope}, {"node", f.node}, {"message", f.message}, {"effect", policy_effect(f.policy)}});
  return out;
}

}  // namespace flowrun
