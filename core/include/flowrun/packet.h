// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace flowrun {

/// A type that can travel along an edge. It carries a registered name plus version, which is its identity
/// across shared libraries (RTTI is not): `static constexpr std::string_view packet_type = "wsi.tile/2";`.
/// Raise the version whenever the layout changes. A payload is immutable once emitted.
template <class T>
concept Payload = requires {
  { T::packet_type } -> std::convertible_to<std::string_view>;
};

class Budget;
struct Account;

/// A share of the memory budget, in bytes, held by what was made from it and given back when the last of
/// those dies. Thread-safe.
class LeasedBytes {
 public:
  LeasedBytes(Budget& budget, Account& account, std::size_t bytes);
  /// Holds several leases as one: of a packet that was made from several others.
  explicit LeasedBytes(std::vector<std::shared_ptr<LeasedBytes>> parts);
  ~LeasedBytes();
  LeasedBytes(const LeasedBytes&) = delete;
  LeasedBytes& operator=(const LeasedBytes&) = delete;

  /// Gives back what exceeds `bytes`; a lease never grows.
  void shrink_to(std::size_t bytes);

 private:
  Budget* budget_ = nullptr;
  Account* account_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<std::shared_ptr<LeasedBytes>> parts_;
};
using Lease = std::shared_ptr<LeasedBytes>;

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
