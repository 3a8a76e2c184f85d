// SPDX-License-Identifier: Apache-2.0
// What the graph needs to make progress, and what to say when the budget has less.
#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>

#include "plan/plan.h"

namespace flowrun {
namespace {

std::string in_words(const Plan& plan) {
  std::string parts;
  if (plan.kept_by_run() > 0) parts = fmt::format("for the whole run {}", format_bytes(plan.kept_by_run()));
  for (const PlanNode& node : plan.nodes) {
    if (node.need() == 0) continue;
    parts += fmt::format("{}'{}' {}", parts.empty() ? "" : ", ", node.name, format_bytes(node.need()));
    if (node.slots > 1) parts += fmt::format(" for {} packets at once", node.slots);
  }
  return parts;
}

/// Of nodes that gather, the one for which most bytes are kept free, in words; empty when there is none.
struct Holder {
  const PlanNode* node = nullptr;
  int number = -1;
  std::string words;
};

Holder holder_in(const Plan& plan) {
  const auto waiting = [](const PlanNode& node) {
    return node.slots > 1 ? (node.slots - 1) * node.lease : 0;
  };
  const auto most = std::max_element(plan.nodes.begin(), plan.nodes.end(),
                                     [&](auto& a, auto& b) { return waiting(a) < waiting(b); });
  if (waiting(*most) == 0) return {};
  Holder holder;
  for (const int gatherer : most->gatherers)
    if (plan.at(gatherer).costs.holds > (holder.node ? holder.node->costs.holds : 0))
      holder.node = &plan.at(gatherer), holder.number = gatherer;
  if (!holder.node) return holder;
  holder.words = fmt::format("'{}' may hold {} {}s x {} = {} while one more is made; ", holder.node->name,
                             most->slots - 1, most->type->outputs.front().name, format_bytes(most->lease),
                             format_bytes(waiting(*most)));
  return holder;
}

/// How many packets a node may gather at a time so that the plan fits; 0: not even one. Leaves the costs of
/// what was tried last.
std::size_t most_gathered(Plan& plan, int gatherer) {
  std::size_t fits = 0, too_many = plan.at(gatherer).costs.holds + 1;
  const auto whole = plan.at(gatherer).costs;
  while (too_many - fits > 1) {
    const std::size_t count = fits + (too_many - fits) / 2;
    plan.at(gatherer).costs = whole;
    (gather_fewer(plan, gatherer, count) && plan.needed() <= plan.memory ? fits : too_many) = count;
  }
  return fits;
}

}  // namespace

std::string round_up(std::size_t bytes) {
  if (bytes > GiB)  // which format_bytes would round down as well
    return fmt::format("{} GiB", static_cast<double>((10 * bytes + GiB - 1) / GiB) / 10);
  const std::size_t step = bytes < 64 * MiB ? MiB : 16 * MiB;
  return format_bytes((bytes + step - 1) / step * step);
}

std::size_t PlanNode::need() const {
  const bool twice = type->role == Role::gather_scopes && type->finishes && type->finishes_run;
  return lease * slots + finish_lease * (twice ? 2 : 1);
}

std::size_t Plan::kept_by_run() const {
  std::size_t kept = 0;
  for (const PlanNode& node : nodes) {
    kept += node.costs.keeps_for_run;
    if (node.opener < 0) kept += node.costs.keeps;
  }
  return kept;
}

std::size_t Plan::needed() const {
  std::size_t needed = kept_by_run();
  for (const PlanNode& node : nodes) needed += node.need();
  return needed;
}

void check_budget(Plan& plan, Place place, Diagnostics& diagnostics) {
  const std::size_t needed = plan.needed();
  if (needed <= plan.memory) return;
  const Holder holder = holder_in(plan);
  const std::string problem =
      fmt::format("{}the graph needs {} to make progress ({}), but 'memory: {}' is less", holder.words,
                  format_bytes(needed), in_words(plan), format_bytes(plan.memory));
  std::string fix = fmt::format("raise memory to {} or more", round_up(needed));
  if (holder.node)
    if (const std::size_t most = most_gathered(plan, holder.number); most > 0)
      fix += fmt::format(", or let '{}' gather at most {} at a time", holder.node->name, most);
  diagnostics.error(holder.node ? holder.node->place : place, problem, fix);
}

}  // namespace flowrun
