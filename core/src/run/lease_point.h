// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>

#include "run/budget.h"
#include "run/turns.h"

namespace flowrun {

struct Budget::Held {
  std::size_t bytes = 0;
  bool in_turn = false;
  bool forgotten = false;  ///< of a scope that is over
};

/// What is leased and asked for at one place. Guarded by the budget's mutex.
struct Budget::Point {
  explicit Point(PointPlan p) : plan(std::move(p)) {}

  struct Scope {
    explicit Scope(std::uint64_t slots) : turns(slots) {}
    Turns turns;
    bool ended = false;
    bool settled = false;  ///< it had its first lease, or will not ask
  };

  /// It has a slot.
  bool in_turn(Turn turn) const;
  /// Of a lease: what it takes of what all points share.
  std::size_t shared_bytes(std::size_t bytes, bool in_turn) const;
  /// The scope of what is held is over: it has no slot any more. What it takes more of what all points share.
  std::size_t forget(Held& held_lease);
  /// Nobody overtakes an older request of the same point, or small ones could starve a large one for ever.
  bool is_first(Turn turn) const { return waiting.empty() || turn < waiting.begin()->first; }
  /// The scope had its first lease, or will not ask.
  void settle(std::uint64_t age);
  /// Of points where somebody waits, the lowest is served first: older scopes first, openers last.
  std::pair<bool, Turn> rank() const { return {plan.opens_scopes, waiting.begin()->first}; }
  /// Takes the oldest request out of those that wait; there is one.
  Request take_oldest();

  const PointPlan plan;
  std::map<std::uint64_t, Scope> scopes;  ///< by age: the first has the slots
  /// Several leases of one turn are possible only of a scope that was forgotten; the id tells them apart.
  std::map<std::pair<Turn, std::uint64_t>, Held> held;
  std::size_t used = 0;
  std::size_t forgotten = 0;  ///< of those held
  int blocked = 0;
  int unsettled = 0;  ///< of one that opens scopes: points in them that are not settled
  std::map<Turn, std::vector<Request>> waiting;
};

}  // namespace flowrun
