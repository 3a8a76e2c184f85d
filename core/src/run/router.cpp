// SPDX-License-Identifier: Apache-2.0
#include "run/router.h"

#include <optional>
#include <utility>

namespace flowrun {

Router::Router(const Plan& plan, RouterEvents& events) : plan_(plan), events_(events) {
  for (const PlanNode& node : plan.nodes) outer_.emplace_back(node.from.size());
}

void Router::begin(const ScopePtr& run) {
  run_ = run;
}

void Router::open(const ScopePtr& scope) {
  for (std::size_t i = 0; i < plan_.nodes.size(); ++i) {
    if (plan_.nodes[i].opener != scope->opener()) continue;
    const int node = static_cast<int>(i);
    add(run_, node);
    for (std::size_t input = 0; input < outer_[i].size(); ++input) {
      const PortRef to{node, static_cast<int>(input)};
      if (!is_outer(to)) continue;
      if (outer_[i][input].payload) send_on(scope, to, outer_[i][input]);
      close_input(scope, to);
    }
  }
}

void Router::send(const ScopePtr& scope, int node, std::vector<Outputs::Emission>& emissions,
                  std::uint64_t index) {
  const PlanNode& plan = at(node);
  for (std::size_t port = 0; port < plan.to.size(); ++port) {
    const std::vector<PortRef>& targets = plan.to[port];
    bool emitted = false;
    for (Outputs::Emission& emission : emissions) {
      if (emission.port != static_cast<int>(port)) continue;
      emitted = true;
      const bool another = scope->at(node).sent[port]++ > 0;
      Packet packet = std::move(emission.packet);
      for (std::size_t i = 0; i < targets.size(); ++i) {
        if (another && takes_one(targets[i])) {
          events_.one_too_many(scope, node, targets[i]);
          continue;
        }
        Packet sent = i + 1 < targets.size() ? packet : std::move(packet);
        if (is_outer(targets[i]))
          outer_[static_cast<std::size_t>(targets[i].node)][static_cast<std::size_t>(targets[i].port)] =
              std::move(sent);
        else
          send_on(scope, targets[i], std::move(sent));
      }
    }
    if (emitted) continue;
    for (const PortRef to : targets)
      if (at(to.node).wants_tombstones && !is_outer(to)) send_on(scope, to, Packet{nullptr, nullptr, index});
  }
}

void Router::send_on(const ScopePtr& scope, PortRef to, Packet packet) {
  add(scope, to.node);
  deliver(scope, to, std::move(packet));
}

/// Brings a packet, already counted as pending, to an input.
void Router::deliver(const ScopePtr& scope, PortRef to, Packet packet) {
  NodeScope& here = scope->at(to.node);
  if (!here.plain) {
    Intake::Ready ready;
    {
      std::scoped_lock lock(here.mutex);
      ready = here.intake.put(to.port, std::move(packet));
    }
    return take_in(scope, to.node, std::move(ready));
  }
  const std::uint64_t index = packet.index;
  if (!packet.payload) {
    pass_over(scope, to.node, index);
    return conclude(scope, to.node, index);
  }
  std::vector<Packet> packets;
  packets.push_back(std::move(packet));
  events_.call(scope, to.node, index, std::move(packets));
}

void Router::take_in(const ScopePtr& scope, int node, Intake::Ready ready) {
  for (Intake::Set& set : ready.sets) events_.call(scope, node, set.index, std::move(set.packets));
  if (ready.lost > 0) scope->at(node).counts.drop(static_cast<std::uint64_t>(ready.lost));
  for (const std::uint64_t index : ready.gone) {
    pass_over(scope, node, index);
    if (at(node).type->acts())
      conclude(scope, node, index);
    else
      release(scope, node);
  }
  if (ready.absorbed > 0) release(scope, node, ready.absorbed);
}

/// The packet `index` ends at the node: nothing comes out for it.
void Router::pass_over(const ScopePtr& scope, int node, std::uint64_t index) {
  events_.passed_over(scope, node, index);
  if (at(node).type->renumbers()) return;
  std::vector<Outputs::Emission> none;
  send(scope, node, none, index);
}

void Router::conclude(const ScopePtr& scope, int node, std::uint64_t index, HeldAction action) {
  const NodeType& type = *at(node).type;
  if (type.role != Role::map && !type.acts()) next_input(scope, node);
  if (!type.acts()) return release(scope, node);
  NodeScope& here = scope->at(node);
  {
    std::scoped_lock lock(here.mutex);
    here.actions.put(index, std::move(action));  // an empty one keeps the place of what was passed over
  }
  act_in_order(scope, node);
}

void Router::next_input(const ScopePtr& scope, int node) {
  if (at(node).from.empty()) return;
  NodeScope& here = scope->at(node);
  Intake::Ready ready;
  {
    std::scoped_lock lock(here.mutex);
    ready = here.intake.next();
  }
  take_in(scope, node, std::move(ready));
}

/// Runs the actions whose turn has come. Only one thread does, and holds no lock meanwhile.
void Router::act_in_order(const ScopePtr& scope, int node) {
  NodeScope& here = scope->at(node);
  for (bool mine = false;; mine = true) {
    std::optional<std::pair<std::uint64_t, HeldAction>> next;
    {
      std::scoped_lock lock(here.mutex);
      if (!mine && here.acting) return;
      next = here.actions.pop();
      here.acting = next.has_value();
    }
    if (!next) return;
    if (next->second.action) events_.act(scope, node, next->first, next->second);
    next.reset();  // it may hold packets
    release(scope, node);
  }
}

void Router::release(const ScopePtr& scope, int node, int packets) {
  if ((scope->at(node).pending -= packets) == 0) events_.finish(scope, node);
}

void Router::close(const ScopePtr& scope, int node) {
  // The edges out of a node that gathers scopes are those of the run.
  if (at(node).type->role != Role::gather_scopes || scope->is_run()) close_outputs(scope, node);
  {
    NodeScope& here = scope->at(node);  // what it held for the scope goes now, not with the last node
    std::scoped_lock lock(here.mutex);
    here.intake = Intake({}, false);
  }
  if (scope->is_run()) outer_[static_cast<std::size_t>(node)].clear();
}

void Router::close_outputs(const ScopePtr& scope, int node) {
  for (const auto& targets : at(node).to)
    for (const PortRef to : targets) {
      if (!is_outer(to)) {
        close_input(scope, to);
      } else if (scope->is_run()) {
        release(scope, to.node);
        events_.outer_closed(at(to.node).opener);
      }
    }
}

void Router::close_input(const ScopePtr& scope, PortRef to) {
  NodeScope& there = scope->at(to.node);
  if (!there.plain) {
    Intake::Ready ready;
    {
      std::scoped_lock lock(there.mutex);
      ready = there.intake.close(to.port);
    }
    take_in(scope, to.node, std::move(ready));
  }
  release(scope, to.node);
}

}  // namespace flowrun
