// SPDX-License-Identifier: Apache-2.0
// What packets cost along their way.
//
// Leases are taken where packets come into being: by nodes that make packets or open scopes, by nodes that
// ask for bytes when they see their packet, and for what is emitted at the end of a scope. A lease covers all
// that is made of its packet up to the next such places. One pass from the sinks back works it out; where a
// packet's ways join again, what follows is counted once.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>

#include "plan/ask_nodes.h"
#include "plan/plan.h"

namespace flowrun {
namespace {

/// The runtime's own bytes for a packet in flight: even packets without content are bounded in number.
constexpr std::size_t packet_overhead = 512;

/// The calls of the input's node run under leases of their own: a packet that comes there adds nothing to the
/// lease that it has.
bool is_leased_anew(const PlanNode& node, std::size_t input) {
  return node.makes() || node.type->asks_bytes || node.type->inputs[input].per_scope;
}

/// The input, if it is a stream, whose packets an output forwards.
std::optional<std::size_t> forwarded_input(const PlanNode& node, std::size_t port) {
  const auto& forwarded = out_of(node, port).forwarded;
  if (!forwarded) return {};
  const std::size_t input = input_number(node, *forwarded);
  return node.is_stream(input) ? std::optional(input) : std::nullopt;
}

/// Where several packets are joined, the lease of the one on this input covers the call and what is made of
/// all; what is forwarded has its own.
std::size_t covering_input(const PlanNode& node) {
  for (std::size_t port = 0; port < node.to.size(); ++port)
    if (const auto input = forwarded_input(node, port)) return *input;
  for (std::size_t input = 0; input < node.from.size(); ++input)
    if (node.is_stream(input)) return input;
  return 0;
}

/// What a node takes besides the packet on one of its inputs.
struct Step {
  std::size_t working = 0;   ///< while it works
  std::size_t after = 0;     ///< at most, of all that is there from then on
  std::size_t beside = 0;    ///< the same, but for the packet itself where it is forwarded
  bool holds_input = false;  ///< the packet may outlive the call
};

Step step_of(const PlanNode& node, std::size_t input) {
  const Costs& costs = node.costs;
  const bool covers = covering_input(node) == input;
  const std::size_t scratch = covers ? costs.scratch : 0;
  // What an action holds waits beside the packet until its turn.
  if (node.type->acts()) return {scratch, scratch, scratch, true};
  Step step;
  step.holds_input = node.type->role == Role::gather;
  // Each of the packets that are gathered covers its share of what is made of them, which may be made of
  // fewer; but what comes after that needs as much then.
  const std::size_t share = step.holds_input && !passes_on(node) ? costs.holds + 1 : 1;
  for (std::size_t port = 0; port < node.to.size(); ++port) {
    const auto forwarded = forwarded_input(node, port);
    if (forwarded ? *forwarded != input : !covers) continue;
    const std::size_t made = *out_of(node, port).bytes;
    const std::size_t covered = node.way[port] - made + (made + share - 1) / share;
    if (!out_of(node, port).forwarded) step.working += (made + share - 1) / share;
    step.after += covered;
    step.beside += forwarded ? node.beside[port] : covered;
  }
  step.working += scratch;
  return step;
}

/// What a node needs to begin on a packet whose lease is not that of what it makes.
std::size_t to_begin(const PlanNode& node, std::size_t input) {
  return node.makes() && covering_input(node) == input ? node.costs.scratch : 0;
}

/// Works out the peak bytes of a packet of output `port` and all that its lease covers. With one taker the
/// packet dies when that has worked; with several, or where others hold it, it may live as long as the
/// slowest.
void work_out_way(const Plan& plan, PlanNode& node, std::size_t port) {
  const std::size_t own = *out_of(node, port).bytes;
  const auto& targets = node.to[port];
  std::size_t beside = 0;
  std::optional<std::size_t> with_one_taker;
  for (const PortRef to : targets) {
    const PlanNode& taker = plan.at(to.node);
    const auto input = static_cast<std::size_t>(to.port);
    beside += to_begin(taker, input);
    if (is_leased_anew(taker, input)) continue;
    const Step step = step_of(taker, input);
    beside += std::max(step.working, step.beside);
    if (targets.size() == 1 && !step.holds_input) with_one_taker = std::max(own + step.working, step.after);
  }
  node.way[port] = with_one_taker.value_or(own + beside);
  node.beside[port] = beside;
}

/// The nodes that gather packets of the node, or what is made of them under their leases: the first on each
/// way.
std::set<int> gatherers_of(const Plan& plan, const PlanNode& node) {
  std::set<int> all;
  for (const auto& targets : node.to)
    for (const PortRef to : targets) {
      const PlanNode& taker = plan.at(to.node);
      if (is_leased_anew(taker, static_cast<std::size_t>(to.port)) || taker.type->acts()) continue;
      if (taker.type->role == Role::gather)
        all.insert(to.node);
      else
        all.insert(taker.gatherers.begin(), taker.gatherers.end());
    }
  return all;
}

/// The packets of the node, or what is made of them under their leases, that are kept while a scope lasts.
std::set<std::pair<int, int>> kept_for_scopes(const Plan& plan, const PlanNode& node) {
  std::set<std::pair<int, int>> all;
  for (const auto& targets : node.to)
    for (const PortRef to : targets) {
      const PlanNode& taker = plan.at(to.node);
      if (taker.type->inputs[static_cast<std::size_t>(to.port)].per_scope)
        all.emplace(node.numbered_by, to.node);
      else if (taker.type->role == Role::map && !taker.type->asks_bytes)
        all.insert(taker.kept_for_scopes.begin(), taker.kept_for_scopes.end());
    }
  return all;
}

/// How many packets of one stream must be possible at once so that each node that gathers them, here or
/// further on, comes to emit. They may not get the same packets, and hold old ones while the others need new
/// ones. What is made of several holds all of them; what is passed on only itself.
std::size_t slots_after(const Plan& plan, const PlanNode& node) {
  std::size_t slots = 1;
  for (const int gatherer : node.gatherers) {
    const PlanNode& gathers = plan.at(gatherer);
    slots += passes_on(gathers) ? gathers.costs.holds + gathers.gathers_after - 1
                                : (gathers.costs.holds + 1) * gathers.gathers_after - 1;
  }
  return slots + node.kept_for_scopes.size();
}

/// The leases of a node's own packets. Of those that it numbers a whole scope can only see one, the last.
std::size_t own_slots(const Plan& plan, const PlanNode& node) {
  if (node.type->role == Role::open) return 1;
  const Role numbering = plan.at(node.numbered_by).type->role;
  const auto last = std::count_if(
      node.kept_for_scopes.begin(), node.kept_for_scopes.end(),
      [&](const auto& kept) { return numbering == Role::open || kept.first == node.numbered_by; });
  return node.gathers_after - static_cast<std::size_t>(last);
}

void work_out_lease(const Plan& plan, PlanNode& node) {
  node.way.resize(node.to.size());
  node.beside.resize(node.to.size());
  std::size_t made = 0, whole = 0;
  for (std::size_t port = 0; port < node.to.size(); ++port) {
    work_out_way(plan, node, port);
    made += *out_of(node, port).bytes;
    whole += node.way[port];
  }
  node.gatherers = gatherers_of(plan, node);
  node.kept_for_scopes = kept_for_scopes(plan, node);
  node.gathers_after = slots_after(plan, node);
  const NodeType& type = *node.type;
  const bool ends = (type.role == Role::gather && type.finishes) || type.finishes_run;
  if (node.makes() || ends || type.asks_bytes) {
    node.slots = own_slots(plan, node);
    node.beyond = whole - made;
    node.lease = std::max({made + node.costs.scratch, whole, packet_overhead});
  }
  if (type.finishes || type.finishes_run) node.finish_lease = node.costs.scratch;
}

}  // namespace

void work_out_leases(Plan& plan) {
  for (auto node = plan.nodes.rbegin(); node != plan.nodes.rend(); ++node) work_out_lease(plan, *node);
  // What nodes keep for a scope is leased with the packet that opens it.
  for (const PlanNode& node : plan.nodes)
    if (node.opener >= 0) plan.at(node.opener).lease += node.costs.keeps;
}

void work_out_costs(Plan& plan, Place memory_place, Diagnostics& diagnostics) {
  ask_nodes(plan, diagnostics);
  if (diagnostics.empty()) check_numbering(plan, diagnostics);
  if (!diagnostics.empty()) return;
  work_out_leases(plan);
  plan.scopes_in_flight = std::max(2, plan.threads / 2);
  check_budget(plan, memory_place, diagnostics);
}

}  // namespace flowrun
