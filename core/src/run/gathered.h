// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packet.h>

#include <memory>
#include <vector>

namespace flowrun {

/// The leases of packets that came to a node that gathers, as long as somebody holds them: a node holds
/// packets by Inputs::share. Not thread-safe.
class Gathered {
 public:
  /// Those that are held.
  std::vector<Lease> held() {
    std::vector<Lease> leases;
    std::erase_if(all_, [&](const std::weak_ptr<const void>& each) {
      if (Lease lease = each.lock()) return leases.push_back(std::move(lease)), false;
      return true;
    });
    return leases;
  }
  void add(const Lease& lease) { all_.push_back(lease); }

 private:
  std::vector<std::weak_ptr<const void>> all_;
};

}  // namespace flowrun
