// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packet.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace flowrun {

/// What one leasing node uses of the budget. Fields are guarded by the budget's mutex.
struct Account {
  std::string name;
  /// Bytes that the node must be able to have for its packets to get through: what it does not use of them
  /// is kept free of everybody else's leases, so that nodes further up cannot starve it.
  std::size_t need = 0;
  std::size_t most_leases = std::numeric_limits<std::size_t>::max();
  int blocked = 0;  ///< above 0: nothing is granted (a source of slides while one is still settling)
  std::size_t used = 0;
  std::size_t leases = 0;
};

/// The bytes that all leases together may take. Asking never blocks: a request that cannot be granted is
/// kept, and its continuation called once leases come back. Thread-safe.
class Budget {
 public:
  struct Request {
    Account* account = nullptr;
    std::size_t bytes = 0;
    std::uint64_t age = 0;               ///< the lower, the sooner: older scopes go first
    std::function<void(Lease)> granted;  ///< called without locks; must only enqueue work
  };

  explicit Budget(std::size_t total) : total_(total) {}

  Account& open_account(std::string name, std::size_t need);
  /// The lease, or nothing: then `request.granted` will be called with it.
  Lease take_or_wait(Request request);
  void block(Account& account);
  void unblock(Account& account);
  /// Removes the oldest waiting request that is not of `spared`, of one that waits for bytes rather than to
  /// be unblocked if there is any. For a stall, in which nothing else will ever free memory.
  std::optional<Request> give_up_one(const std::vector<const Account*>& spared);
  /// Who holds what and who waits for how much, in words.
  std::string describe() const;

  std::size_t total() const { return total_; }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t peak() const { return peak_.load(std::memory_order_relaxed); }

  /// For LeasedBytes.
  void give_back(Account& account, std::size_t bytes, bool ended);

 private:
  bool fits(const Request& request) const;
  Lease grant(const Request& request);
  void wake();

  const std::size_t total_;
  mutable std::mutex mutex_;
  std::list<Account> accounts_;
  std::vector<Request> waiting_;  // by age, then by arrival
  std::atomic<std::size_t> used_ = 0;
  std::atomic<std::size_t> peak_ = 0;
};

}  // namespace flowrun
