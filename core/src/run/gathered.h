// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packet.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <vector>

namespace flowrun {

/// The leases of what a node that gathers may still hold of packets that came: of those that it shares, as
/// long as it does; of those that it made something of, until it emits. Not thread-safe.
class Gathered {
 public:
  /// At most `most` are held.
  explicit Gathered(std::size_t most) : most_(most) {}

  /// First those of what is shared, as of_shared() gives them.
  std::vector<Lease> leases() {
    std::vector<Lease> leases = of_shared();
    leases.insert(leases.end(), used_.begin(), used_.end());
    return leases;
  }
  std::vector<Lease> of_shared() {
    std::vector<Lease> leases;
    std::erase_if(shared_, [&](const std::weak_ptr<const Packet>& each) {
      if (const auto packet = each.lock()) return leases.push_back(packet->lease), false;
      return true;
    });
    return leases;
  }
  void share(const std::vector<std::weak_ptr<const Packet>>& packets) {
    shared_.insert(shared_.end(), packets.begin(), packets.end());
  }
  void use(const std::vector<Lease>& leases) { used_.insert(used_.end(), leases.begin(), leases.end()); }
  /// What was used is part of something that was emitted now.
  void emitted() { used_.clear(); }
  void trim() {
    while (!used_.empty() && leases().size() > most_) used_.pop_front();
  }

 private:
  std::size_t most_;
  std::vector<std::weak_ptr<const Packet>> shared_;
  std::deque<Lease> used_;
};

}  // namespace flowrun
