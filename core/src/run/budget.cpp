// SPDX-License-Identifier: Apache-2.0
#include "run/budget.h"

#include <flowrun/bytes.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "run/lease_point.h"

namespace flowrun {

/// What a Lease points to.
class Budget::Hold {
 public:
  Hold(std::shared_ptr<Budget> budget, Point& point, Turn turn, std::uint64_t id)
      : budget_(std::move(budget)), point_(point), turn_(turn), id_(id) {}
  ~Hold() { budget_->give_back(point_, turn_, id_, closes); }
  Hold(const Hold&) = delete;
  Hold& operator=(const Hold&) = delete;

  Point& point() const { return point_; }
  std::pair<Turn, std::uint64_t> key() const { return {turn_, id_}; }

  mutable bool closes = true;  ///< its index, when it comes back

 private:
  std::shared_ptr<Budget> budget_;
  Point& point_;
  Turn turn_;
  std::uint64_t id_;
};

Budget::Budget(std::size_t total, std::size_t kept, std::size_t elbow_room)
    : total_(total), elbow_room_(elbow_room), slots_(kept), used_(kept), peak_(kept) {}
Budget::~Budget() = default;

Budget::Point& Budget::add(PointPlan plan) {
  std::scoped_lock lock(mutex_);
  slots_ += plan.bytes * plan.slots;
  return points_.emplace_back(std::move(plan));
}

void Budget::begin_scope(Point& point, std::uint64_t age) {
  std::scoped_lock lock(mutex_);
  point.scopes.try_emplace(age, point.plan.slots);
  if (point.plan.opener) ++point.plan.opener->unsettled;
}

void Budget::end_scope(Point& point, std::uint64_t age) {
  {
    std::scoped_lock lock(mutex_);
    const auto scope = point.scopes.find(age);
    if (scope == point.scopes.end()) return;
    point.settle(age);
    scope->second.ended = true;
    pass_on(point);
  }
  wake();
}

std::size_t Budget::forget_scope(Point& point, std::uint64_t age) {
  std::size_t bytes = 0;
  {
    std::scoped_lock lock(mutex_);
    for (auto it = point.held.lower_bound({{age, 0}, 0});
         it != point.held.end() && it->first.first.age == age; ++it) {
      Held& held = it->second;
      bytes += held.bytes;
      shared_ += point.forget(held);
    }
    point.settle(age);
    point.scopes.erase(age);
    pass_on(point);
  }
  wake();
  return bytes;
}

std::size_t Budget::forget(Lease lease) {
  if (lease.use_count() <= 1) return 0;
  const auto& hold = *static_cast<const Hold*>(lease.get());
  hold.closes = false;
  std::size_t bytes = 0;
  {
    std::scoped_lock lock(mutex_);
    Point& point = hold.point();
    Held& held = point.held.at(hold.key());
    bytes = held.bytes;
    shared_ += point.forget(held);
    close_locked(point, hold.key().first);
  }
  wake();
  return bytes;
}

void Budget::close(Point& point, Turn turn) {
  {
    std::scoped_lock lock(mutex_);
    close_locked(point, turn);
    if (waiting_ == 0) return;
  }
  wake();
}

void Budget::close_locked(Point& point, Turn turn) {
  const auto scope = point.scopes.find(turn.age);
  if (scope == point.scopes.end()) return;
  const auto next = scope->second.turns.close(turn.index);
  if (next && scope == point.scopes.begin())
    if (const auto held = point.held.lower_bound({{turn.age, *next}, 0});
        held != point.held.end() && held->first.first == Turn{turn.age, *next})
      set_in_turn(point, held->second);
  pass_on(point);
}

/// The slots go to the next scope when the oldest has ended and holds nothing any more.
void Budget::pass_on(Point& point) {
  while (!point.scopes.empty() && point.scopes.begin()->second.ended) {
    const std::uint64_t age = point.scopes.begin()->first;
    const auto held = point.held.lower_bound({{age, 0}, 0});
    if (held != point.held.end() && held->first.first.age == age) return;
    point.scopes.erase(point.scopes.begin());
    if (point.scopes.empty()) return;
    const auto& [next_age, next] = *point.scopes.begin();
    for (auto it = point.held.lower_bound({{next_age, 0}, 0});
         it != point.held.end() && it->first.first < Turn{next_age, next.turns.end()}; ++it)
      set_in_turn(point, it->second);
  }
}

void Budget::set_in_turn(Point& point, Held& held) {
  shared_ -= point.shared_bytes(held.bytes, held.in_turn) - point.shared_bytes(held.bytes, true);
  held.in_turn = true;
}

bool Budget::fits(const Point& point, Turn turn, std::size_t bytes) const {
  if (point.blocked > 0 || point.unsettled > 0 ||
      point.held.size() - point.forgotten >= point.plan.most_leases)
    return false;
  const bool mine = point.in_turn(turn);
  const std::size_t needed = point.shared_bytes(bytes, mine);
  if (needed == 0) return true;
  const std::size_t shareable = total_ - std::min(total_, slots_);
  const std::size_t left = point.plan.opens_scopes && !mine ? std::min(elbow_room_, shareable / 2) : 0;
  return shared_ + needed + left <= shareable;
}

Lease Budget::grant(Point& point, Turn turn, std::size_t bytes) {
  const bool mine = point.in_turn(turn);
  const std::uint64_t id = ids_++;
  point.held.emplace(std::pair{turn, id}, Held{bytes, mine, false});
  point.settle(turn.age);
  point.used += bytes;
  shared_ += point.shared_bytes(bytes, mine);
  used_ += bytes;
  peak_ = std::max(peak_.load(), used_.load());
  return std::make_shared<Hold>(shared_from_this(), point, turn, id);
}

Lease Budget::take_now(Point& point, Turn turn, std::size_t bytes) {
  std::scoped_lock lock(mutex_);
  return point.is_first(turn) && fits(point, turn, bytes) ? grant(point, turn, bytes) : nullptr;
}

Lease Budget::take_or_wait(Request request) {
  std::scoped_lock lock(mutex_);
  Point& point = *request.point;
  if (point.is_first(request.turn) && fits(point, request.turn, request.bytes))
    return grant(point, request.turn, request.bytes);
  point.waiting[request.turn].push_back(std::move(request));
  ++waiting_;
  return nullptr;
}

void Budget::shrink(const Lease& lease, std::size_t bytes) {
  const auto& hold = *static_cast<const Hold*>(lease.get());
  Point& point = hold.point();
  {
    std::scoped_lock lock(mutex_);
    Held& held = point.held.at(hold.key());
    if (bytes >= held.bytes) return;
    shared_ -= point.shared_bytes(held.bytes, held.in_turn) - point.shared_bytes(bytes, held.in_turn);
    point.used -= held.bytes - bytes;
    used_ -= held.bytes - bytes;
    held.bytes = bytes;
    if (waiting_ == 0) return;
  }
  wake();
}

void Budget::return_unused(Lease lease) {
  static_cast<const Hold*>(lease.get())->closes = false;
}

void Budget::give_back(Point& point, Turn turn, std::uint64_t id, bool closes) {
  {
    std::scoped_lock lock(mutex_);
    const auto it = point.held.find({turn, id});
    const Held held = it->second;
    point.held.erase(it);
    point.used -= held.bytes;
    point.forgotten -= held.forgotten;
    used_ -= held.bytes;
    shared_ -= point.shared_bytes(held.bytes, held.in_turn);
    if (closes) close_locked(point, turn);
    if (waiting_ == 0) return;
  }
  wake();
}

void Budget::wake() {
  std::vector<std::pair<Request, Lease>> woken;
  {
    std::scoped_lock lock(mutex_);
    if (waiting_ == 0) return;
    std::vector<Point*> points;
    for (Point& point : points_)
      if (!point.waiting.empty()) points.push_back(&point);
    // Within a point only the oldest can be next.
    std::sort(points.begin(), points.end(), [](auto* a, auto* b) { return a->rank() < b->rank(); });
    for (Point* point : points)
      while (!point->waiting.empty()) {
        const Request& next = point->waiting.begin()->second.front();
        if (!fits(*point, next.turn, next.bytes)) break;
        Lease lease = grant(*point, next.turn, next.bytes);
        woken.emplace_back(point->take_oldest(), std::move(lease));
        --waiting_;
      }
  }
  for (auto& [request, lease] : woken) request.granted(std::move(lease));
}

void Budget::block(Point& point) {
  std::scoped_lock lock(mutex_);
  ++point.blocked;
}

void Budget::unblock(Point& point) {
  {
    std::scoped_lock lock(mutex_);
    --point.blocked;
  }
  wake();
}

std::optional<Budget::Request> Budget::give_up_one() {
  std::scoped_lock lock(mutex_);
  Point* oldest = nullptr;
  for (Point& point : points_)
    if (!point.waiting.empty() && (!oldest || point.rank() < oldest->rank())) oldest = &point;
  if (!oldest) return {};
  --waiting_;
  return oldest->take_oldest();
}

std::string Budget::describe() const {
  std::scoped_lock lock(mutex_);
  std::string out = fmt::format("of {} leased {}:", format_bytes(total_), format_bytes(used_));
  for (const Point& point : points_)
    if (!point.held.empty())
      out += fmt::format(" '{}' holds {} in {} leases;", point.plan.name, format_bytes(point.used),
                         point.held.size());
  for (const Point& point : points_)
    if (!point.waiting.empty())
      out += fmt::format(
          " '{}' waits for {}{};", point.plan.name, format_bytes(point.waiting.begin()->second.front().bytes),
          point.waiting.size() > 1 ? fmt::format(" and {} more", point.waiting.size() - 1) : "");
  out.back() = '.';
  return out;
}

}  // namespace flowrun
