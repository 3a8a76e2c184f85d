// SPDX-License-Identifier: Apache-2.0
#include "outcome.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace flowrun::test {
namespace {

std::string text_of(const PacketCounts& counts) {
  return fmt::format("in {} out {} dropped {} failed {} reasons {}", counts.in, counts.out, counts.dropped,
                     counts.failed, counts.reasons);
}

std::string text_of(const ScopeCounts& counts) {
  return fmt::format("{} notes {}", text_of(static_cast<const PacketCounts&>(counts)), counts.notes);
}

bool adds_up(const PacketCounts& counts) {
  return counts.in == counts.out + counts.dropped + counts.failed;
}

void check_sum(const std::string& where, const PacketCounts& counts, std::vector<std::string>& mistakes) {
  if (!adds_up(counts)) mistakes.push_back(fmt::format("{}: {} does not add up", where, text_of(counts)));
}

/// Packets that a node with one output sent, as far as its counts tell.
bool has_one_output_for_each(const PlanNode& node) {
  return node.to.size() == 1 && (node.type->role == Role::map || node.type->role == Role::make);
}

/// The output that is a node's only stream, or none.
PortRef only_stream(const PlanNode& node) {
  PortRef only;
  int streams = 0;
  for (std::size_t i = 0; i < node.from.size(); ++i)
    if (node.from[i].node >= 0 && !node.type->inputs[i].per_scope) only = node.from[i], ++streams;
  return streams == 1 ? only : PortRef{};
}

void check_edges(const ScopeResult& scope, const Plan& plan, std::vector<std::string>& mistakes) {
  for (const PlanNode& node : plan.nodes) {
    const PortRef from = only_stream(node);
    if (from.node < 0 || node.type->role == Role::make || node.type->role == Role::open) continue;
    const PlanNode& before = plan.nodes[static_cast<std::size_t>(from.node)];
    if (!has_one_output_for_each(before)) continue;
    const auto sent = scope.counts.find(before.name), got = scope.counts.find(node.name);
    if (sent == scope.counts.end() || got == scope.counts.end()) continue;
    if (sent->second.out != got->second.in)
      mistakes.push_back(fmt::format("{}: '{}' sent {} packets, but '{}' got {}", scope.name, before.name,
                                     sent->second.out, node.name, got->second.in));
  }
}

bool is_stall(const std::string& message) {
  return message.find("never become free") != std::string::npos ||
         message.find("stalled") != std::string::npos ||
         message.find("packets were lost") != std::string::npos;
}

bool is_successive(const RunFailure& failure, const Plan& plan) {
  return std::any_of(plan.nodes.begin(), plan.nodes.end(), [&](const PlanNode& node) {
    return node.type->successive && failure.scope.starts_with(node.name + "-");
  });
}

bool stops(const RunFailure& failure, const Plan& plan) {
  if (failure.policy == OnError::skip) return false;
  return failure.policy == OnError::stop || failure.scope.empty() || is_successive(failure, plan);
}

}  // namespace

std::vector<std::string> mistakes_in(const RunResult& result, const Plan& plan) {
  std::vector<std::string> mistakes;
  if (result.peak_leased > result.memory)
    mistakes.push_back(fmt::format("leased {} of {}", result.peak_leased, result.memory));
  for (const RunFailure& failure : result.failures)
    if (is_stall(failure.message)) mistakes.push_back(failure.scope + ": " + failure.message);
  for (const NodeResult& node : result.nodes) check_sum(node.name, node, mistakes);
  for (const auto& [node, counts] : result.counts) check_sum("run: " + node, counts, mistakes);
  for (const ScopeResult& scope : result.scopes) {
    for (const auto& [node, counts] : scope.counts) check_sum(scope.name + ": " + node, counts, mistakes);
    if (scope.status == ScopeStatus::done) check_edges(scope, plan, mistakes);
    for (const auto& [node, counts] : scope.counts)
      for (const auto& [note, times] : counts.notes)
        if (note.find("kept beyond") != std::string::npos)
          mistakes.push_back(scope.name + ": " + node + ": " + note);
  }
  return mistakes;
}

Outcome outcome_of(const RunResult& result, const Plan& plan) {
  Outcome out;
  for (const RunFailure& failure : result.failures) out.stopped |= stops(failure, plan);
  out.lines.push_back(fmt::format("exit {}", static_cast<int>(result.exit)));
  for (const ScopeResult& scope : result.scopes) {
    out.lines.push_back(fmt::format("{} {}", scope.name, to_string(scope.status)));
    if (scope.status != ScopeStatus::done) continue;
    for (const auto& [node, counts] : scope.counts)
      out.lines.push_back(fmt::format("{} {} {}", scope.name, node, text_of(counts)));
  }
  for (const auto& [node, counts] : result.counts)
    out.lines.push_back(fmt::format("run {} {}", node, text_of(counts)));
  return out;
}

}  // namespace flowrun::test
