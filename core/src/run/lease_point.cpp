// SPDX-License-Identifier: Apache-2.0
#include "run/lease_point.h"

#include <algorithm>

namespace flowrun {

bool Budget::Point::in_turn(Turn turn) const {
  return !scopes.empty() && scopes.begin()->first == turn.age && scopes.begin()->second.turns.has(turn.index);
}

std::size_t Budget::Point::shared_bytes(std::size_t bytes, bool in_turn) const {
  return in_turn ? bytes - std::min(bytes, plan.bytes) : bytes;
}

std::size_t Budget::Point::forget(Held& held_lease) {
  const std::size_t before = shared_bytes(held_lease.bytes, held_lease.in_turn);
  forgotten += !held_lease.forgotten;
  held_lease.forgotten = true;
  held_lease.in_turn = false;
  return shared_bytes(held_lease.bytes, false) - before;
}

void Budget::Point::settle(std::uint64_t age) {
  const auto scope = scopes.find(age);
  if (!plan.opener || scope == scopes.end() || std::exchange(scope->second.settled, true)) return;
  --plan.opener->unsettled;
}

Budget::Request Budget::Point::take_oldest() {
  auto& requests = waiting.begin()->second;
  Request oldest = std::move(requests.front());
  requests.erase(requests.begin());
  if (requests.empty()) waiting.erase(waiting.begin());
  return oldest;
}

}  // namespace flowrun
