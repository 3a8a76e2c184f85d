// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/outputs.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>

#include "run/tally.h"

namespace flowrun {

/// What became of the packets of a node: each that came in went out, was dropped (a filter's choice) or
/// failed.
struct PacketCounts {
  std::uint64_t in = 0, out = 0, dropped = 0, failed = 0;
  std::map<std::string, std::uint64_t> reasons;  ///< of those dropped, where the node gave one
};

/// The same in one scope.
struct ScopeCounts : PacketCounts {
  std::map<std::string, std::uint64_t> notes;  ///< what the node wants the user to know
};

/// The same while they are counted, for a node in one scope or (`total`) in all. Thread-safe.
struct Counts {
  Counts* total = nullptr;
  std::atomic<std::uint64_t> in = 0, out = 0, dropped = 0, failed = 0;
  Tally reasons, notes;

  void went_out() { ++in, ++out, total ? total->went_out() : void(); }
  void failed_one() { ++in, ++failed, total ? total->failed_one() : void(); }
  void drop(std::uint64_t packets) {
    in += packets, dropped += packets, total ? total->drop(packets) : void();
  }
  /// A call that came to its end; `needs_output`: one that emits nothing has dropped its packet.
  void count(Outputs& outputs, bool needs_output) {
    if (outputs.drop_reason()) say_reason(*outputs.drop_reason());
    if (outputs.drop_reason() || (needs_output && outputs.emissions().empty()))
      drop(1);
    else
      went_out();
  }
  void say_reason(const std::string& reason) {
    reasons.add(reason);
    if (total) total->say_reason(reason);
  }
  ScopeCounts get() const { return {{in, out, dropped, failed, reasons.counts()}, notes.counts()}; }
};

}  // namespace flowrun
