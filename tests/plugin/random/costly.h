// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/plugin.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>

#include "ledger.h"

namespace flowrun::test {

struct Parcel {
  static constexpr std::string_view packet_type = "test.parcel/1";
  std::uint64_t value = 0;
  Buffer bytes;
};
using Parcels = std::shared_ptr<const Parcel>;

/// Two numbers made one that looks like chance; the order matters.
inline std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  std::uint64_t z = a * 0x9e3779b97f4a7c15 + b + 0x7f4a7c159e3779b9;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

/// What random nodes have in common: what they hold, and their troubles, which depend on the packet alone.
struct Costly {
  int out_bytes = 0, working_bytes = 0, kept_bytes = 0;
  int drop_one_in = 0, fail_one_in = 0, nap = 0;
  int salt = 0;

  bool picks(std::uint64_t value, std::uint64_t why, int one_in) const {
    return one_in > 0 &&
           mix(mix(value, why), static_cast<std::uint64_t>(salt)) % static_cast<std::uint64_t>(one_in) == 0;
  }
  bool drops(std::uint64_t value) const { return picks(value, 1, drop_one_in); }
  /// Now and then long, so that many others overtake the packet.
  void rest(std::uint64_t value) const {
    if (nap == 0) return;
    const auto most = static_cast<std::uint64_t>(nap);
    const std::uint64_t pause = mix(value, 2) % 16 == 0 ? 4 * most : mix(value, 2) % most / 4;
    std::this_thread::sleep_for(std::chrono::microseconds(pause));
  }
  void work_on(std::uint64_t value) const {
    rest(value);
    if (picks(value, 3, fail_one_in)) throw Error("it was this packet's turn to fail");
  }
  std::uint64_t changed(std::uint64_t value) const { return mix(value, static_cast<std::uint64_t>(salt)); }
  std::size_t out() const { return static_cast<std::size_t>(out_bytes); }
  std::size_t working() const { return static_cast<std::size_t>(working_bytes); }
  void add_to(Costs& costs) const {
    costs.scratch = working();
    costs.keeps = static_cast<std::size_t>(kept_bytes);
  }
};

/// What a node keeps for a scope.
struct Kept {
  std::once_flag once;
  Buffer bytes;
};

template <class State>
State& kept(const Inputs& in, const Costly& node) {
  State& state = in.state<State>();
  std::call_once(state.once, [&] { state.bytes = Buffer(static_cast<std::size_t>(node.kept_bytes)); });
  return state;
}

template <class T>
void describe_costs(Description<T>& d) {
  d.summary("Does what a random graph wants.");
  d.option("bytes", &Costly::out_bytes, "of what it emits").at_least(0);
  d.option("scratch", &Costly::working_bytes, "bytes during a call").at_least(0);
  d.option("keeps", &Costly::kept_bytes, "bytes for each scope").at_least(0);
  d.option("drops", &Costly::drop_one_in, "one packet in so many is dropped");
  d.option("fails", &Costly::fail_one_in, "one packet in so many fails");
  d.option("nap", &Costly::nap, "most microseconds that a call sleeps");
  d.option("salt", &Costly::salt, "makes other packets drop and fail, and other values");
}

}  // namespace flowrun::test
