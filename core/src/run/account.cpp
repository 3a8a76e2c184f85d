// SPDX-License-Identifier: Apache-2.0
// What an engine tells of a run, during it and at its end.
#include <flowrun/bytes.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>

#include "run/engine.h"

namespace flowrun {
namespace {

std::size_t peak_rss() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * KiB;
}

/// Where the time went, in words: the node that used most of what it may use.
std::string bottleneck_of(const RunResult& result) {
  const auto busiest = std::max_element(result.nodes.begin(), result.nodes.end(),
                                        [](auto& a, auto& b) { return a.share < b.share; });
  if (busiest == result.nodes.end() || busiest->share < 0.05) return {};
  std::string out = fmt::format("bottleneck: {}: {:.0f} % of the run", busiest->name, 100 * busiest->share);
  const auto waited = std::max_element(result.nodes.begin(), result.nodes.end(), [](auto& a, auto& b) {
    return a.waiting_for_memory < b.waiting_for_memory;
  });
  if (waited->waiting_for_memory > 0.1 * result.seconds && waited != busiest)
    out += fmt::format("; {} waited for it, or for memory", waited->name);
  return out;
}

std::vector<EdgeResult> edges_of(const Plan& plan) {
  std::vector<EdgeResult> edges;
  for (const PlanNode& node : plan.nodes)
    for (std::size_t port = 0; port < node.to.size(); ++port) {
      const OutputSpec& output = node.type->outputs[port];
      for (const PortRef to : node.to[port])
        edges.push_back({node.name, output.name, plan.at(to.node).name,
                         plan.at(to.node).type->inputs[static_cast<std::size_t>(to.port)].name, output.type,
                         plan.at(to.node).is_stream(static_cast<std::size_t>(to.port)),
                         node.costs.outputs.at(output.name).bytes.value_or(0)});
    }
  return edges;
}

}  // namespace

RunStatus Engine::status() const {
  RunStatus status;
  status.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started_).count();
  status.leased = state_.budget->used();
  status.memory = state_.budget->total();
  status.scopes_ended = results_.ended();
  status.scopes_passed_over = results_.passed_over();
  bool all_known = true;
  std::uint64_t expected = 0, busiest = 0;
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    const NodeType& type = *state_.nodes[i].plan->type;
    if (type.role == Role::open && !state_.nodes[i].left) {
      const std::string kind = state_.plan.kind_of(static_cast<int>(i));
      status.scope_kind = status.scope_kind.empty() || status.scope_kind == kind ? kind : "scope";
      expected += state_.nodes[i].expected;
      all_known = all_known && state_.nodes[i].expected > 0;
    }
    const bool ends_packets =
        (type.outputs.empty() || type.role == Role::gather_scopes) && !type.inputs.empty();
    const std::uint64_t working = log_.times(static_cast<int>(i)).working;
    if (ends_packets && (status.packet_name.empty() || working > busiest)) {
      busiest = working;
      status.packet_name = type.inputs.front().name;
      status.packet_node = i;
      status.packets = state_.totals[i].in;
    }
  }
  if (all_known && expected > 0) status.scopes_expected = expected;
  status.in_work = scopes_->in_work(status.packet_node);
  return status;
}

std::vector<std::uint64_t> Engine::packets() const {
  std::vector<std::uint64_t> in;
  for (const Counts& counts : state_.totals) in.push_back(counts.in);
  return in;
}

std::vector<NodeResult> Engine::nodes() const {
  const double run_seconds = std::max(status().seconds, 1e-9);
  std::vector<NodeResult> rows;
  for (std::size_t i = 0; i < state_.nodes.size(); ++i) {
    const PlanNode& node = *state_.nodes[i].plan;
    const NodeTimes& times = log_.times(static_cast<int>(i));
    const auto seconds = [](const std::atomic<std::uint64_t>& n) { return static_cast<double>(n) * 1e-9; };
    const int calls = node.type->serial  ? 1
                      : node.workers > 0 ? std::min(node.workers, state_.plan.threads)
                                         : state_.plan.threads;
    NodeResult row{state_.totals[i].get(), node.name, node.type->name};
    row.working = seconds(times.working);
    row.waiting_for_memory = seconds(times.waiting_for_memory);
    row.waiting_for_order = seconds(times.waiting_for_order);
    row.share = row.working / (run_seconds * calls);
    rows.push_back(std::move(row));
  }
  return rows;
}

RunResult Engine::result() {
  RunResult result;
  result.name = state_.plan.name;
  result.part = state_.options.part;
  result.seconds = status().seconds;
  result.memory = state_.budget->total();
  result.peak_leased = state_.budget->peak();
  result.peak_rss = peak_rss();
  result.nodes = nodes();
  for (const NodeRun& node : state_.nodes)
    if (result.part && (node.left || node.plan->type->finishes_run)) result.left.push_back(node.plan->name);
  result.edges = edges_of(state_.plan);
  result.ended = std::chrono::system_clock::now();
  result.threads = state_.plan.threads;
  result.bottleneck = bottleneck_of(result);
  result.counts = state_.run_scope->counts(state_.plan);
  results_.move_to(result);
  return result;
}

}  // namespace flowrun
