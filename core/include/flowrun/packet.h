// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

namespace flowrun {

/// A type that can travel along an edge. It carries a registered name plus version, which is its identity
/// across shared libraries (RTTI is not): `static constexpr std::string_view packet_type = "wsi.tile/3";`.
/// Raise the version whenever the layout changes. A payload is immutable once emitted.
template <class T>
concept Payload = requires {
  { T::packet_type } -> std::convertible_to<std::string_view>;
};

/// Bytes of the memory budget, given back when the last holder lets go. The runtime takes leases and packets
/// carry them; nodes have nothing to do with them.
using Lease = std::shared_ptr<const void>;

/// What travels along an edge: a shared immutable payload, its index within its scope, its lease. Without a
/// payload it is a tombstone: it tells a node that joins or orders that this index will never come.
struct Packet {
  std::shared_ptr<const void> payload;
  Lease lease;
  std::uint64_t index = 0;

  template <Payload T>
  static Packet make(T&& value, Lease lease, std::uint64_t index);
};

namespace detail {
/// Keeps the lease for as long as anybody holds the value; the value dies first.
template <class T>
struct Leased {
  Lease lease;
  T value;
};
}  // namespace detail

template <Payload T>
Packet Packet::make(T&& value, Lease lease, std::uint64_t index) {
  using Value = std::remove_cvref_t<T>;
  auto box = std::make_shared<detail::Leased<Value>>(detail::Leased<Value>{lease, std::forward<T>(value)});
  return {std::shared_ptr<const void>(box, &box->value), std::move(lease), index};
}

}  // namespace flowrun
