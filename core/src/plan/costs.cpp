// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "plan/plan.h"

namespace flowrun {
namespace {

/// The runtime's own bytes for a packet in flight: even packets without content are bounded in number.
constexpr std::size_t packet_overhead = 512;

const PlanNode& at(const Plan& plan, int node) {
  return plan.nodes[static_cast<std::size_t>(node)];
}

std::size_t out_bytes(const PlanNode& node, std::size_t port) {
  return *node.costs.outputs.at(node.type->outputs[port].name).bytes;
}

bool forwarded(const PlanNode& node, std::size_t port) {
  return node.costs.outputs.at(node.type->outputs[port].name).forwarded;
}

void ask_node(PlanNode& node, const Plan& plan, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < node.from.size(); ++i) {
    const PortRef from = node.from[i];
    if (from.node < 0) continue;
    const auto& source = at(plan, from.node);
    const auto& name = source.type->outputs[static_cast<std::size_t>(from.port)].name;
    node.costs.inputs[node.type->inputs[i].name] = *source.costs.outputs.at(name).bytes;
  }
  node.costs.threads = static_cast<std::size_t>(plan.threads);
  try {
    node.node->plan(node.costs);
  } catch (const OptionError& problem) {
    const auto place = node.option_places.find(problem.option);
    diagnostics.error(place == node.option_places.end() ? node.place : place->second,
                      fmt::format("'{}': {}", problem.option, problem.what()), problem.fix);
  } catch (const std::exception& problem) {
    diagnostics.error(node.place, fmt::format("node '{}': {}", node.name, problem.what()));
  }
  if (node.costs.holds > 0 && !node.type->gathers)
    diagnostics.error(
        node.place,
        fmt::format("node type '{}' holds packets but is not described as gathers()", node.type->name),
        "a mistake of its plugin");
  node.costs.set_outputs(node.type->outputs);
}

/// A consumer that leases for itself adds nothing to the packet's own way.
bool leases_for_itself(const Plan& plan, PortRef to) {
  const NodeType& type = *at(plan, to.node).type;
  return type.source || type.leases || type.inputs[static_cast<std::size_t>(to.port)].per_scope;
}

/// What a node takes besides its inputs while it works, and what is alive after it.
struct Step {
  std::size_t working = 0;
  std::size_t after = 0;
  bool forwards = false;
};

Step step_of(const PlanNode& node) {
  Step step{node.costs.scratch, 0, false};
  if (node.type->gathers_scopes) return step;  // what it emits is leased by the run
  for (std::size_t port = 0; port < node.to.size(); ++port) {
    step.after += node.way[port];
    step.forwards |= forwarded(node, port);
    if (!forwarded(node, port)) step.working += out_bytes(node, port);
  }
  return step;
}

/// Peak bytes of a packet of output `port` from its making to the end of everything made from it. With one
/// consumer the packet dies when that has worked; with several it may live as long as the slowest.
std::size_t way_of(const Plan& plan, const PlanNode& node, std::size_t port) {
  const std::size_t own = out_bytes(node, port);
  std::vector<Step> steps;
  bool shared = false;
  for (const PortRef to : node.to[port]) {
    if (leases_for_itself(plan, to))
      shared = true;
    else
      steps.push_back(step_of(at(plan, to.node)));
  }
  if (steps.size() == 1 && !shared) return std::max(own + steps[0].working, steps[0].after);
  std::size_t sum = own;
  for (const Step& step : steps)
    sum += std::max(step.working, step.after - std::min(step.after, step.forwards ? own : 0));
  return sum;
}

/// Packets of a source that the nodes after `node` may keep in one scope; `unit`: packets that one packet
/// here is made of. Names the node that keeps most.
std::size_t held_after(const Plan& plan, const PlanNode& node, std::size_t unit, const PlanNode** holder) {
  std::size_t held = 0;
  for (const auto& targets : node.to)
    for (const PortRef to : targets) {
      if (leases_for_itself(plan, to)) continue;
      const PlanNode& next = at(plan, to.node);
      if (next.costs.holds > 0 && !*holder) *holder = &next;
      held += next.costs.holds * unit;
      if (!next.type->gathers_scopes) held += held_after(plan, next, unit * (next.costs.holds + 1), holder);
    }
  return held;
}

struct Needs {
  std::size_t total = 0;
  const PlanNode* holder = nullptr;  ///< the node that gathers packets, if one does
  const PlanNode* source = nullptr;  ///< the source that needs most
  std::size_t held = 0;              ///< packets of that source kept per scope
};

Needs needs_with(Plan& plan, std::size_t scopes) {
  Needs needs;
  needs.total = plan.kept_by_run();
  std::size_t most = 0;
  for (PlanNode& node : plan.nodes) {
    if (node.type->leases) needs.total += node.need = node.costs.leases;
    if (!node.type->source) continue;
    const PlanNode* holder = nullptr;
    const std::size_t held = held_after(plan, node, 1, &holder);
    const bool several = node.opener >= 0 && !at(plan, node.opener).type->successive;
    node.need = node.lease * (1 + held * (several ? scopes : 1));
    if (node.type->opens_scopes()) node.need = node.lease;
    needs.total += node.need;
    if (node.need >= most) {
      most = node.need;
      needs.source = &node;
      needs.held = held;
      needs.holder = holder;
    }
  }
  return needs;
}

std::string packet_name(const PlanNode& source, std::size_t count) {
  const std::string& name = source.type->outputs.front().name;
  return count == 1 ? name : name + "s";
}

/// A round figure at or above `bytes`, for "raise memory to".
std::string round_up(std::size_t bytes) {
  const std::size_t step = bytes < 64 * MiB ? MiB : 16 * MiB;
  return format_bytes((bytes + step - 1) / step * step);
}

void check_budget(Plan& plan, Place place, Diagnostics& diagnostics) {
  const bool gathers = needs_with(plan, 1).holder != nullptr;
  for (; plan.scopes_in_flight > 1 && gathers; --plan.scopes_in_flight) {
    std::size_t opened = 0;
    for (const PlanNode& node : plan.nodes)
      opened += node.type->opens_scopes() && !node.type->successive ? node.lease : 0;
    const auto further = static_cast<std::size_t>(plan.scopes_in_flight - 1);
    if (needs_with(plan, static_cast<std::size_t>(plan.scopes_in_flight)).total + opened * further <=
        plan.memory)
      break;
  }
  const Needs needs = needs_with(plan, static_cast<std::size_t>(plan.scopes_in_flight));
  if (needs.total <= plan.memory) return;
  const std::string memory = fmt::format("'memory: {}'", format_bytes(plan.memory));
  const std::string fix = fmt::format("raise memory to {} or more", round_up(needs.total));
  if (!needs.holder) {
    std::string parts;
    if (plan.kept_by_run() > 0) parts = fmt::format("for the whole run {}", format_bytes(plan.kept_by_run()));
    for (const PlanNode& node : plan.nodes)
      if (node.need > 0)
        parts += fmt::format("{}'{}' {}", parts.empty() ? "" : ", ", node.name, format_bytes(node.need));
    return diagnostics.error(place,
                             fmt::format("the graph needs {} to make progress ({}), but {} is less",
                                         format_bytes(needs.total), parts, memory),
                             fix);
  }
  const PlanNode& source = *needs.source;
  const std::size_t others = needs.total - source.need;
  const std::size_t fed = plan.memory > others ? (plan.memory - others) / source.lease : 0;
  diagnostics.error(needs.holder->place,
                    fmt::format("'{}' may hold {} {} x {} = {} while one more is made, but {} feeds {}",
                                needs.holder->name, needs.held, packet_name(source, needs.held),
                                format_bytes(source.lease), format_bytes(needs.held * source.lease), memory,
                                fed == 0 ? "none" : fmt::format("{}", fed)),
                    fix + fmt::format(", or let '{}' hold fewer", needs.holder->name));
}

}  // namespace

std::size_t Plan::kept_by_run() const {
  std::size_t kept = 0;
  for (const PlanNode& node : nodes) {
    kept += node.costs.keeps_for_run;
    if (node.opener < 0) kept += node.costs.keeps;
    if (node.type->gathers_scopes) kept = std::accumulate(node.way.begin(), node.way.end(), kept);
  }
  return kept;
}

void work_out_costs(Plan& plan, Place memory_place, Diagnostics& diagnostics) {
  for (PlanNode& node : plan.nodes) ask_node(node, plan, diagnostics);
  if (!diagnostics.empty()) return;
  for (auto node = plan.nodes.rbegin(); node != plan.nodes.rend(); ++node) {
    node->way.resize(node->to.size());
    std::size_t own = 0, whole = 0;
    for (std::size_t port = 0; port < node->to.size(); ++port) {
      node->way[port] = way_of(plan, *node, port);
      own += out_bytes(*node, port);
      whole += node->way[port];
    }
    if (node->type->source) node->lease = std::max({own + node->costs.scratch, whole, packet_overhead});
  }
  // What nodes keep for a scope is leased with the packet that opens it.
  for (const PlanNode& node : plan.nodes)
    if (node.opener >= 0) plan.nodes[static_cast<std::size_t>(node.opener)].lease += node.costs.keeps;
  plan.scopes_in_flight = std::max(2, plan.threads / 2);
  check_budget(plan, memory_place, diagnostics);
}

}  // namespace flowrun
