// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/outputs.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "plan/plan.h"
#include "run/scope_run.h"

namespace flowrun {

using ScopePtr = std::shared_ptr<ScopeRun>;

/// What follows from packets on their way. Called without locks, from any thread that routes.
class RouterEvents {
 public:
  virtual ~RouterEvents() = default;
  /// A call's packets are there, by input. Of a node that gathers, makes or opens: the next call's.
  virtual void call(const ScopePtr& scope, int node, std::uint64_t index, std::vector<Packet> packets) = 0;
  /// There will be no call for the index.
  virtual void passed_over(const ScopePtr& scope, int node, std::uint64_t index) = 0;
  /// It is the action's turn. Runs it; must not throw.
  virtual void act(const ScopePtr& scope, int node, std::uint64_t index, HeldAction& action) = 0;
  /// No call is under way and none can come.
  virtual void finish(const ScopePtr& scope, int node) = 0;
  /// The node made a second packet for an input that takes one a scope. It was not sent.
  virtual void one_too_many(const ScopePtr& scope, int node, PortRef to) = 0;
  /// A packet of the run that the opener's scopes take is there, or will never be.
  virtual void outer_closed(int opener) = 0;
};

/// Brings packets from node to node: joins, order, tombstones, and when a node is done with a scope. Counts
/// every packet before it is sent, so that nothing is lost unseen. Thread-safe; waits for nothing.
class Router {
 public:
  Router(const Plan& plan, RouterEvents& events);

  /// The scope of the run itself; all others are opened within it.
  void begin(const ScopePtr& run);
  /// Something has begun within the scope at the node, which it waits for.
  void add(const ScopePtr& scope, int node) { ++scope->at(node).pending; }
  /// A scope was opened: its nodes see the packets of the run that they take, and the run waits for them.
  void open(const ScopePtr& scope);

  /// Sends what a call emitted to all inputs that take it. Those that join or order are told what they will
  /// not get of `index`, unless the node numbers what it emits by itself.
  void send(const ScopePtr& scope, int node, std::vector<Outputs::Emission>& emissions, std::uint64_t index);
  /// The call for `index` is over; its action, if there is one, waits for its turn.
  void conclude(const ScopePtr& scope, int node, std::uint64_t index, HeldAction action = {});
  /// An input of a node that makes or opens has been dealt with: the next may come.
  void next_input(const ScopePtr& scope, int node);
  /// What was added is over.
  void release(const ScopePtr& scope, int node, int packets = 1);
  /// The node has finished the scope.
  void close(const ScopePtr& scope, int node);
  /// The scope that a node of it opened has got its first packet.
  void close_opener(const ScopePtr& scope) { close_outputs(scope, scope->opener()); }

  /// By input, the packet of the run that all scopes of the node see.
  const std::vector<Packet>& outer(int node) const { return outer_[static_cast<std::size_t>(node)]; }

 private:
  const PlanNode& at(int node) const { return plan_.at(node); }
  bool takes_one(PortRef to) const {
    return at(to.node).type->inputs[static_cast<std::size_t>(to.port)].per_scope;
  }
  bool is_outer(PortRef to) const { return at(to.node).outer[static_cast<std::size_t>(to.port)]; }
  void deliver(const ScopePtr& scope, PortRef to, Packet packet);
  void send_on(const ScopePtr& scope, PortRef to, Packet packet);
  void take_in(const ScopePtr& scope, int node, Intake::Ready ready);
  void pass_over(const ScopePtr& scope, int node, std::uint64_t index);
  void close_outputs(const ScopePtr& scope, int node);
  void close_input(const ScopePtr& scope, PortRef to);
  void act_in_order(const ScopePtr& scope, int node);

  const Plan& plan_;
  RouterEvents& events_;
  ScopePtr run_;
  std::vector<std::vector<Packet>> outer_;
};

}  // namespace flowrun
