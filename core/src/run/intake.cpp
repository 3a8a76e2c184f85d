// SPDX-License-Identifier: Apache-2.0
#include "run/intake.h"

#include <iterator>
#include <utility>

namespace flowrun {

Intake::Intake(std::vector<Input> inputs, bool ordered)
    : inputs_(std::move(inputs)),
      ordered_(ordered),
      closed_(inputs_.size()),
      scope_packets_(inputs_.size()) {}

Intake::Ready Intake::put(int port, Packet packet) {
  Ready ready;
  const auto i = static_cast<std::size_t>(port);
  if (inputs_[i].per_scope) {
    ready.absorbed = 1;
    if (packet.payload) scope_packets_[i] = std::move(packet);
    release(ready);
  } else {
    join(i, std::move(packet), ready);
  }
  return ready;
}

void Intake::join(std::size_t input, Packet packet, Ready& ready) {
  const auto [it, is_new] = joining_.try_emplace(packet.index);
  Joining& joining = it->second;
  if (is_new) {
    joining.packets.resize(inputs_.size());
    joining.arrived.resize(inputs_.size());
  } else {
    ready.absorbed = 1;
  }
  joining.arrived[input] = true;
  joining.gone |= !packet.payload;
  joining.packets[input] = std::move(packet);
  settle(it, ready);
  release(ready);
}

Intake::Joinings::iterator Intake::settle(Joinings::iterator it, Ready& ready) {
  Joining& joining = it->second;
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    joining.gone |= inputs_[i].connected && !inputs_[i].per_scope && !joining.arrived[i] && closed_[i];
  if (joining.gone)  // what already came can never be used: let its memory go
    for (Packet& held : joining.packets) {
      ready.lost += held.payload != nullptr;
      held = {};
    }
  // Also what is gone waits for all that may still come: an index is told to be gone once.
  if (expects(joining)) return std::next(it);
  if (joining.gone)
    lose(it->first, 0, ready);
  else
    accept({it->first, std::move(joining.packets)}, ready);
  return joining_.erase(it);
}

bool Intake::expects(const Joining& joining) const {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].connected && !inputs_[i].per_scope && !joining.arrived[i] && !closed_[i]) return true;
  return false;
}

void Intake::lose(std::uint64_t index, int packets, Ready& ready) {
  ready.lost += packets;
  ready.gone.push_back(index);
  if (ordered_) order_.skip(index);
}

void Intake::accept(Set set, Ready& ready) {
  if (hopeless_) return lose(set.index, 1, ready);
  early_.push_back(std::move(set));
}

bool Intake::scope_packets_there() const {
  for (std::size_t i = 0; i < inputs_.size(); ++i)
    if (inputs_[i].connected && inputs_[i].per_scope && !scope_packets_[i].payload) return false;
  return true;
}

void Intake::release(Ready& ready) {
  if (scope_packets_there()) {
    for (Set& set : early_) {
      for (std::size_t i = 0; i < inputs_.size(); ++i)
        if (inputs_[i].per_scope) set.packets[i] = scope_packets_[i];
      if (ordered_) {
        const std::uint64_t index = set.index;
        order_.put(index, std::move(set));
      } else {
        ready.sets.push_back(std::move(set));
      }
    }
    early_.clear();
  }
  if (!ordered_ || busy_) return;
  if (auto next = order_.pop()) {
    busy_ = true;
    ready.sets.push_back(std::move(next->second));
  }
}

Intake::Ready Intake::close(int port) {
  Ready ready;
  const auto i = static_cast<std::size_t>(port);
  closed_[i] = true;
  if (inputs_[i].per_scope && !scope_packets_[i].payload) {
    hopeless_ = true;
    for (const Set& set : std::exchange(early_, {})) lose(set.index, 1, ready);
  }
  for (auto it = joining_.begin(); it != joining_.end();) it = settle(it, ready);
  release(ready);
  return ready;
}

Intake::Ready Intake::next() {
  Ready ready;
  busy_ = false;
  release(ready);
  return ready;
}

}  // namespace flowrun
