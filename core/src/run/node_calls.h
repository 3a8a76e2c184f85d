// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "run/run_state.h"
#include "run/scope_keeper.h"
#include "run/sources.h"

namespace flowrun {

/// Calls nodes, and deals with what they return and throw.
class NodeCalls {
 public:
  NodeCalls(RunState& state, Sources& sources, ScopeKeeper& scopes)
      : state_(state), sources_(sources), scopes_(scopes) {}

  /// A call with packets.
  void call(Job& job);
  /// That for the end of a scope.
  void finish(Job& job);
  /// What a call gave to be done in its turn.
  void act(const ScopePtr& scope, int node, std::uint64_t index, HeldAction& action);

 private:
  void leave_out(Job& job);
  bool has_lease(Job& job);
  void map(Job& job);
  void write(Job& job);
  void gather(Job& job);
  void start(Job& job);
  Packets finish_node(Job& job);
  Inputs inputs_of(Job& job);

  RunState& state_;
  Sources& sources_;
  ScopeKeeper& scopes_;
};

}  // namespace flowrun
