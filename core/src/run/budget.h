// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/packet.h>

#include <atomic>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace flowrun {

/// The bytes that all leases together may take.
///
/// Each lease point has slots of its own: room for the leases of those indexes of its oldest scope that are
/// in their turn. All other leases share what is left. So what the oldest scope needs to get on is never
/// given to anybody else, and no joining, ordering or gathering can make it wait for good.
///
/// Asking never blocks: a request that cannot be granted is kept, and its continuation called once leases
/// come back. Thread-safe; lives as long as any of its leases.
class Budget : public std::enable_shared_from_this<Budget> {
 public:
  struct Point;
  /// Where leases are taken and how large they may be, as the plan works it out.
  struct PointPlan {
    std::string name;       ///< of the node, for messages
    std::size_t bytes = 0;  ///< the most that one lease needs
    std::size_t slots = 1;  ///< leases that must be possible at once for the oldest scope to get on
    bool opens_scopes = false;
    std::size_t most_leases = std::numeric_limits<std::size_t>::max();
    /// Opens its next scope when this point has had its first lease in the last one: what turns out to need
    /// more than was planned finds more of it. Null: does not wait for this point.
    Point* opener = nullptr;
  };
  /// What a lease is for: a scope, told by its age (the lower, the older), and an index within it.
  struct Turn {
    std::uint64_t age = 0;
    std::uint64_t index = 0;
    auto operator<=>(const Turn&) const = default;
  };
  using Granted = std::function<void(Lease)>;
  struct Request {
    Point* point = nullptr;
    Turn turn;
    std::size_t bytes = 0;
    Granted granted;  ///< called without locks, with nothing when it was given up; must only enqueue work
  };

  /// `kept`: bytes that are leased for the whole run. `elbow_room`: shared bytes that opening scopes leaves.
  Budget(std::size_t total, std::size_t kept, std::size_t elbow_room);
  ~Budget();

  Point& add(PointPlan plan);
  /// The scope will ask at this point.
  void begin_scope(Point& point, std::uint64_t age);
  /// No index of the scope will ask any more.
  void end_scope(Point& point, std::uint64_t age);
  /// The scope is over; leases in it that somebody still holds must not keep others waiting. Their bytes.
  std::size_t forget_scope(Point& point, std::uint64_t age);
  /// The same of a single lease, which opened a scope that is over. 0: nobody else holds it.
  std::size_t forget(Lease lease);
  /// The index will not ask.
  void close(Point& point, Turn turn);

  /// The lease, or nothing when it cannot be had now.
  Lease take_now(Point& point, Turn turn, std::size_t bytes);
  /// The lease, or nothing: then `request.granted` will be called with it.
  Lease take_or_wait(Request request);
  /// Gives back what exceeds `bytes`.
  void shrink(const Lease& lease, std::size_t bytes);
  /// The lease was not used: its index may ask again.
  void return_unused(Lease lease);
  /// Nothing is granted at a blocked point (scopes that wait for a packet of the run).
  void block(Point& point);
  void unblock(Point& point);
  /// Removes the oldest waiting request, of those that open no scopes if there is any. For a stall, in which
  /// nothing else will ever free memory.
  std::optional<Request> give_up_one();
  /// Who holds what and who waits for how much, in words.
  std::string describe() const;

  std::size_t total() const { return total_; }
  std::size_t used() const { return used_.load(std::memory_order_relaxed); }
  std::size_t peak() const { return peak_.load(std::memory_order_relaxed); }

 private:
  struct Held;
  class Hold;

  bool fits(const Point& point, Turn turn, std::size_t bytes) const;
  Lease grant(Point& point, Turn turn, std::size_t bytes);
  void set_in_turn(Point& point, Held& held);
  void close_locked(Point& point, Turn turn);
  void pass_on(Point& point);
  void give_back(Point& point, Turn turn, std::uint64_t id, bool closes);
  void wake();

  const std::size_t total_;
  const std::size_t elbow_room_;
  std::size_t slots_ = 0;   // bytes of all points' slots, and what is kept for the run
  std::size_t shared_ = 0;  // bytes of leases that are not in slots
  mutable std::mutex mutex_;
  std::list<Point> points_;
  std::uint64_t ids_ = 0;
  std::size_t waiting_ = 0;
  std::atomic<std::size_t> used_ = 0;
  std::atomic<std::size_t> peak_ = 0;
};

}  // namespace flowrun
