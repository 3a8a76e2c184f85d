// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/outputs.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace flowrun {

/// Packets to be made, one after the other, each no sooner than its memory is leased. What makes them may
/// run on several threads at once and outlive the call that gave it: it must own what it uses.
struct Packets {
  /// Reads, computes and emits one packet.
  using Make = std::function<void(Outputs&)>;

  /// None.
  Packets() = default;
  /// `count` packets: make(i, out) makes the i-th.
  Packets(std::uint64_t count, std::function<void(std::uint64_t, Outputs&)> make);
  /// For when only the last one tells that it is the last: `next` gives what makes the next packet, or an
  /// empty function at the end. It is cheap and called by one thread at a time. `total`: how many, if known.
  explicit Packets(std::function<Make()> next, std::optional<std::uint64_t> total = {})
      : next(std::move(next)), total(total) {}

  std::function<Make()> next;
  std::optional<std::uint64_t> total;
  std::size_t extra_bytes = 0;  ///< of each packet, beyond what plan() said, when only the input tells
};

/// A scope to be opened.
struct NewScope {
  std::string name;                             ///< unique within the run, fit for a file name
  std::map<std::string, std::string> identity;  ///< tells whether it is unchanged since an earlier run
  Packets::Make make;                           ///< emits the packet that opens it
  std::uint64_t bytes = 0;                      ///< of its input, as parts of a run share scopes out by
};

/// Scopes to be opened, one after the other; as Packets.
struct Scopes {
  /// Nothing at the end. Must not read the input: what is done already is passed over by its name alone.
  std::function<std::optional<NewScope>()> next;
  std::optional<std::uint64_t> total = {};
  std::size_t extra_bytes = 0;
};

}  // namespace flowrun
