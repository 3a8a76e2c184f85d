// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/node_type.h>
#include <flowrun/packet.h>
#include <flowrun/scope.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

namespace flowrun {

/// What a node keeps for one scope; made on first use, destroyed when the node has finished the scope.
struct ScopeState {
  std::mutex making;
  const std::type_info* type = nullptr;
  std::shared_ptr<void> value;
};

/// For a GatherScopes, at the end of the run: its scopes that are done and published, also by earlier runs.
struct DoneScopes {
  std::vector<std::string> names;                               ///< sorted
  std::function<std::string(const std::string& scope)> kept{};  ///< see Inputs::kept
};

/// The packets of one call: one of each connected input. Belongs to the call's thread; what state() gives is
/// shared by all calls of the scope.
class Inputs {
 public:
  Inputs(const std::vector<InputSpec>& ports, std::vector<Packet> packets, const Scope& scope,
         ScopeState& state, DoneScopes done = {})
      : ports_(&ports),
        packets_(std::move(packets)),
        scope_(&scope),
        state_(&state),
        done_(std::move(done)) {}

  /// The payload on `port`. Throws Error when the port is unconnected (ask has() for optional ones).
  template <Payload T>
  const T& get(std::string_view port) const {
    return *static_cast<const T*>(at(port, T::packet_type).payload.get());
  }
  /// The same, to keep until the end of the scope: its bytes stay leased as long as the pointer lives.
  template <Payload T>
  std::shared_ptr<const T> share(std::string_view port) const {
    const auto packet = std::make_shared<const Packet>(at(port, T::packet_type));
    shares_.push_back(packet);
    return {packet, static_cast<const T*>(packet->payload.get())};
  }
  bool has(std::string_view port) const;
  /// The payload on `port`, to be changed: the payload itself when nobody else holds it, else a copy of it.
  /// The call then has no packet on that port any more.
  template <Payload T>
  T take(std::string_view port);

  const Scope& scope() const { return *scope_; }
  /// In GatherScopes::finish_run: the names, sorted, of the scopes that are done and published, also by
  /// earlier runs.
  const std::vector<std::string>& done_scopes() const { return done_.names; }
  /// Likewise: what the node gave to Outputs::keep for one of them. Throws Error when that cannot be read,
  /// std::logic_error when it gave nothing.
  std::string kept(const std::string& scope) const { return done_.kept(scope); }
  /// The packet's index within its scope; packets that a node emits for it keep the index.
  std::uint64_t index() const;
  /// The node's own state for this scope, default-constructed on first use. Calls in one scope may run at the
  /// same time and share it. Throws std::logic_error when the scope's state is of another type.
  template <class S>
  S& state() const {
    std::scoped_lock lock(state_->making);
    if (!state_->value) {
      state_->value = std::make_shared<S>();
      state_->type = &typeid(S);
    }
    if (*state_->type != typeid(S)) throw std::logic_error("state() of a scope has one type, not two");
    return *static_cast<S*>(state_->value.get());
  }

  /// For the runtime.
  const std::vector<Packet>& packets() const { return packets_; }
  const std::vector<InputSpec>& ports() const { return *ports_; }
  /// What share() gave, as long as it is kept.
  const std::vector<std::weak_ptr<const Packet>>& shares() const { return shares_; }

 private:
  const Packet& at(std::string_view port, std::string_view type) const;

  const std::vector<InputSpec>* ports_;
  std::vector<Packet> packets_;  // by port; without payload: unconnected
  const Scope* scope_;
  ScopeState* state_;
  DoneScopes done_;
  mutable std::vector<std::weak_ptr<const Packet>> shares_;
};

template <Payload T>
T Inputs::take(std::string_view port) {
  const auto& packet = at(port, T::packet_type);
  const std::shared_ptr<const void> payload =
      std::move(packets_[static_cast<std::size_t>(&packet - packets_.data())].payload);
  const T& value = *static_cast<const T*>(payload.get());
  if (payload.use_count() > 1) return value;
  // Whoever held it before let it go with an atomic step, and so does this copy: what the others did with the
  // payload has happened before it is changed.
  std::shared_ptr<const void>(payload).reset();
  // Payloads are made as objects that are not const (Packet::make); with one holder nobody else can look.
  return std::move(const_cast<T&>(value));
}

}  // namespace flowrun
