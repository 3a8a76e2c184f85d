// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "run/run_state.h"
#include "run/scope_keeper.h"

namespace flowrun {

/// Makes the packets that nodes give to be made, and opens scopes: each no sooner than its memory is leased.
class Sources {
 public:
  Sources(RunState& state, ScopeKeeper& scopes) : state_(state), scopes_(scopes) {}

  /// `at_end`: what the node emits when the scope has ended for it.
  void begin(const ScopePtr& scope, int node, Packets packets, Scopes scopes, bool at_end);
  /// Asks for what makes the next packet, takes a lease, and puts that and the next step into the queue. Scopes
  /// are asked for when there is a lease.
  void step(Job& job);
  void make(Job& job);

 private:
  struct Next {
    Packets::Make make;
    ScopePtr opened;
  };
  Packets::Make next_packet(Generator& generator);
  std::optional<Next> next_scope(Generator& generator, Lease& lease);
  void exhausted(const std::shared_ptr<Generator>& generator);
  void close(const std::shared_ptr<Generator>& generator);

  RunState& state_;
  ScopeKeeper& scopes_;
};

}  // namespace flowrun
