// SPDX-License-Identifier: Apache-2.0
#include "run/engine.h"

namespace flowrun {

/// Brings a packet, already counted as pending, to an input.
void Engine::deliver(const ScopePtr& scope, PortRef to, Packet packet) {
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
    return conclude(scope, to.node, index, nullptr);
  }
  auto job = std::make_shared<Job>(Job{Job::Kind::process, to.node, scope, index});
  job->packets.push_back(std::move(packet));
  dispatch(std::move(job));
}

void Engine::take_in(const ScopePtr& scope, int node, Intake::Ready ready) {
  NodeScope& here = scope->at(node);
  for (Intake::Set& set : ready.sets)
    dispatch(std::make_shared<Job>(Job{Job::Kind::process, node, scope, set.index, std::move(set.packets)}));
  for (Counts* counts : {&here.counts, &at(node).counts}) {
    counts->in += static_cast<std::uint64_t>(ready.lost);
    counts->dropped += static_cast<std::uint64_t>(ready.lost);
  }
  for (const std::uint64_t index : ready.gone) {
    pass_over(scope, node, index);
    if (at(node).plan->type->in_order)
      conclude(scope, node, index, nullptr);
    else
      release(scope, node);
  }
  if (ready.absorbed > 0) release(scope, node, ready.absorbed);
}

/// Sends what a call emitted to all inputs that take it, and tells those that join or order what they will
/// not get.
void Engine::send(const ScopePtr& scope, int node, std::vector<Outputs::Emission>& emissions,
                  std::uint64_t index, bool renumbered) {
  const PlanNode& plan = *at(node).plan;
  for (std::size_t port = 0; port < plan.to.size(); ++port) {
    bool emitted = renumbered;
    for (Outputs::Emission& emission : emissions) {
      if (emission.port != static_cast<int>(port)) continue;
      emitted = true;
      ++scope->at(node).sent[port];
      Packet packet = std::move(emission.packet);
      for (std::size_t i = 0; i < plan.to[port].size(); ++i) {
        const PortRef to = plan.to[port][i];
        if (at(to.node).plan->outer[static_cast<std::size_t>(to.port)]) {
          at(to.node).outer[static_cast<std::size_t>(to.port)] = packet;
          continue;
        }
        ++scope->at(to.node).pending;
        deliver(scope, to, i + 1 < plan.to[port].size() ? packet : std::move(packet));
      }
    }
    if (emitted) continue;
    for (const PortRef to : plan.to[port]) {
      const PlanNode& there = *at(to.node).plan;
      if (!there.wants_tombstones || there.outer[static_cast<std::size_t>(to.port)]) continue;
      ++scope->at(to.node).pending;
      deliver(scope, to, Packet{nullptr, nullptr, index});
    }
  }
}

/// The packet `index` ends at `node`: nothing comes out for it.
void Engine::pass_over(const ScopePtr& scope, int node, std::uint64_t index) {
  if (at(node).plan->type->renumbers()) return;
  std::vector<Outputs::Emission> none;
  send(scope, node, none, index, false);
}

/// The inputs that `node` feeds will get nothing more in this scope.
void Engine::close_edges(const ScopePtr& scope, int node) {
  for (const auto& targets : at(node).plan->to)
    for (const PortRef to : targets) {
      const PlanNode& there = *at(to.node).plan;
      if (!there.outer[static_cast<std::size_t>(to.port)]) {
        // The edges out of a node that gathers scopes are those of the run.
        if (!at(node).plan->type->gathers_scopes || scope->is_run()) close_edge(scope, to);
      } else if (scope->is_run()) {
        release(scope, to.node);
        budget_.unblock(*at(there.opener).account);
      }
    }
}

void Engine::close_edge(const ScopePtr& scope, PortRef to) {
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

/// Gives a scope that has just been opened the packets of the run that its nodes take.
void Engine::hand_in_outer(const ScopePtr& scope) {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (nodes_[i].plan->opener != scope->opener()) continue;
    for (std::size_t input = 0; input < nodes_[i].outer.size(); ++input) {
      if (!nodes_[i].plan->outer[input]) continue;
      const PortRef to{static_cast<int>(i), static_cast<int>(input)};
      if (const Packet& packet = nodes_[i].outer[input]; packet.payload) {
        ++scope->at(to.node).pending;
        deliver(scope, to, packet);
      }
      close_edge(scope, to);
    }
  }
}

/// A call for packet `index` is over. Its in-order action, if it has one, must still wait for its turn.
void Engine::conclude(const ScopePtr& scope, int node, std::uint64_t index, std::function<void()> action) {
  NodeScope& here = scope->at(node);
  const NodeType& type = *at(node).plan->type;
  if (type.ordered || type.source) {  // a source that could not start gives way to its next input
    Intake::Ready ready;
    {
      std::scoped_lock lock(here.mutex);
      ready = here.intake.next();
    }
    take_in(scope, node, std::move(ready));
  }
  if (!type.in_order) return release(scope, node);
  {
    std::scoped_lock lock(here.mutex);
    here.actions.put(index, std::move(action));  // an empty one keeps the place of a dropped packet
  }
  act_in_order(scope, node);
}

/// Runs the actions whose turn has come. Only one thread does, and holds no lock meanwhile.
void Engine::act_in_order(const ScopePtr& scope, int node) {
  NodeScope& here = scope->at(node);
  for (bool mine = false;; mine = true) {
    std::optional<std::function<void()>> action;
    {
      std::scoped_lock lock(here.mutex);
      if (!mine && here.acting) return;
      action = here.actions.pop();
      here.acting = action.has_value();
    }
    if (!action) return;
    try {
      if (*action && !scope->failed()) (*action)();
    } catch (...) {
      // Its packet counts as processed already; what should follow from it is missing, so the scope fails.
      report(scope, node, at(node).plan->on_error == OnError::stop ? OnError::stop : OnError::fail,
             std::current_exception());
    }
    action.reset();  // it may hold packets
    release(scope, node);
  }
}

}  // namespace flowrun
