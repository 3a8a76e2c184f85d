// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packet.h>

#include <cstdint>
#include <map>
#include <vector>

#include "run/sequencer.h"

namespace flowrun {

/// Where the packets of one node and scope come in: joins those of several inputs by index, holds them until
/// the inputs with one packet per scope are there, and puts them in order where the node asks for it. Not
/// thread-safe.
class Intake {
 public:
  struct Input {
    bool connected = false;
    bool per_scope = false;
  };
  /// One packet of each input: what one call of the node gets.
  struct Set {
    std::uint64_t index = 0;
    std::vector<Packet> packets;
  };
  /// What can be done now.
  struct Ready {
    std::vector<Set> sets;            ///< to be processed
    std::vector<std::uint64_t> gone;  ///< indexes that will never be complete
    int lost = 0;                     ///< packets that were dropped with them
    int absorbed = 0;                 ///< packets that are now part of something counted already
  };

  Intake(std::vector<Input> inputs, bool ordered);

  Ready put(int port, Packet packet);
  /// Nothing more can come on `port`.
  Ready close(int port);
  /// Ordered: the set given last has been dealt with.
  Ready next();
  /// The packets of the inputs with one packet per scope; the others empty.
  const std::vector<Packet>& scope_packets() const { return scope_packets_; }

 private:
  struct Joining {
    std::vector<Packet> packets;
    std::vector<bool> arrived;
    bool gone = false;
  };
  using Joinings = std::map<std::uint64_t, Joining>;
  void join(std::size_t input, Packet packet, Ready& ready);
  /// Deals with what cannot become a set any more, or has become one. Returns the next.
  Joinings::iterator settle(Joinings::iterator it, Ready& ready);
  bool expects(const Joining& joining) const;
  void lose(std::uint64_t index, int packets, Ready& ready);
  void accept(Set set, Ready& ready);
  void release(Ready& ready);
  bool scope_packets_there() const;

  std::vector<Input> inputs_;
  bool ordered_;
  bool busy_ = false;
  bool hopeless_ = false;  // an input with one packet per scope ended without it
  std::vector<bool> closed_;
  std::vector<Packet> scope_packets_;
  Joinings joining_;
  std::vector<Set> early_;  // complete, but before the packets of the scope
  Sequencer<Set> order_;
};

}  // namespace flowrun
