// SPDX-License-Identifier: Apache-2.0
#include "run/budget.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>

using namespace flowrun;

namespace {

/// A budget whose answers are kept.
struct Fixture {
  explicit Fixture(std::size_t total, std::size_t elbow_room = 0)
      : budget(std::make_shared<Budget>(total, 0, elbow_room)) {}

  Budget::Point& point(std::size_t bytes, std::size_t slots, std::initializer_list<std::uint64_t> ages = {0},
                       bool opens_scopes = false) {
    Budget::Point& made = budget->add({"tiles", bytes, slots, opens_scopes});
    for (const std::uint64_t age : ages) budget->begin_scope(made, age);
    return made;
  }
  /// The lease, or nothing: then it comes to `late`, when it does.
  Lease ask(Budget::Point& at, std::size_t bytes, std::uint64_t index, std::uint64_t age = 0) {
    return budget->take_or_wait({&at, {age, index}, bytes, [this](Lease lease) { late.push_back(std::move(lease)); }});
  }

  std::shared_ptr<Budget> budget;
  std::vector<Lease> late;
};

}  // namespace

TEST_CASE("a request that does not fit is granted when leases come back") {
  Fixture f(100);
  Budget::Point& tiles = f.point(0, 0);
  Lease first = f.ask(tiles, 80, 0);
  REQUIRE(first);
  CHECK_FALSE(f.ask(tiles, 50, 1));
  f.budget->shrink(first, 60);
  CHECK(f.late.empty());
  f.budget->shrink(first, 50);
  CHECK(f.late.size() == 1);
  CHECK(f.budget->used() == 100);
  CHECK(f.budget->peak() == 100);
  first.reset();
  f.late.clear();
  CHECK(f.budget->used() == 0);
}

TEST_CASE("what the lowest open index needs is never given to a later one, whichever asks first") {
  Fixture f(50);
  Budget::Point& tiles = f.point(20, 1);
  const Lease second = f.ask(tiles, 20, 1);  // of the 30 that are shared
  CHECK(second);
  CHECK_FALSE(f.ask(tiles, 20, 2));
  Lease first = f.ask(tiles, 20, 0);
  CHECK(first);
  CHECK(f.budget->used() == 40);
  first.reset();  // now the second is in its turn, and what it shared is free
  CHECK(f.late.size() == 1);
}

TEST_CASE("an index that will not ask makes room for the next") {
  Fixture f(20);
  Budget::Point& tiles = f.point(20, 1);
  CHECK_FALSE(f.ask(tiles, 20, 1));
  f.budget->close(tiles, {0, 0});
  CHECK(f.late.size() == 1);
}

TEST_CASE("a node that gathers has slots for all that it must hold") {
  Fixture f(60);
  Budget::Point& samples = f.point(20, 3);
  std::vector<Lease> held;
  for (std::uint64_t index = 0; index < 3; ++index) held.push_back(f.ask(samples, 20, index));
  CHECK(std::all_of(held.begin(), held.end(), [](auto& lease) { return lease != nullptr; }));
  CHECK_FALSE(f.ask(samples, 20, 3));
}

TEST_CASE("slots go to the next scope when the oldest has ended and holds nothing") {
  Fixture f(40);
  Budget::Point& tiles = f.point(20, 1, {0, 1});
  Lease old = f.ask(tiles, 20, 0, 0);
  CHECK(f.ask(tiles, 20, 0, 1));  // shared, and back at once
  CHECK_FALSE(f.ask(tiles, 40, 5, 1));
  f.budget->end_scope(tiles, 0);
  CHECK(f.late.empty());
  old.reset();
  CHECK_FALSE(f.ask(tiles, 40, 6, 1));
  f.budget->close(tiles, {1, 1});
  f.budget->close(tiles, {1, 2});
  f.budget->close(tiles, {1, 3});
  CHECK(f.late.empty());
  f.budget->close(tiles, {1, 4});  // index 5 is the lowest now, and 20 of its 40 bytes are the slot's
  CHECK(f.late.size() == 1);
}

TEST_CASE("older scopes go first, and nobody overtakes at one point") {
  Fixture f(100);
  Budget::Point& tiles = f.point(0, 0, {0, 1, 2, 3});
  std::string order;
  const auto ask = [&](std::size_t bytes, std::uint64_t age, const char* name) {
    return f.budget->take_or_wait({&tiles, {age, 0}, bytes, [&order, name, &f](Lease lease) {
                                     order += name;
                                     f.late.push_back(std::move(lease));
                                   }});
  };
  Lease all = ask(100, 0, "all ");
  CHECK_FALSE(ask(60, 2, "young "));
  CHECK_FALSE(ask(60, 1, "old "));
  CHECK_FALSE(ask(10, 3, "small "));
  all.reset();
  CHECK(order == "old ");
  std::exchange(f.late, {}).clear();
  CHECK(order == "old young small ");
}

TEST_CASE("opening another scope leaves room for packets of those that are open") {
  Fixture f(100, 30);
  Budget::Point& slides = f.point(20, 1, {0}, true);
  const Lease first = f.ask(slides, 20, 0);
  const Lease second = f.ask(slides, 20, 1);
  const Lease third = f.ask(slides, 20, 2);
  CHECK(third);
  CHECK_FALSE(f.ask(slides, 20, 3));  // 80 are shared, 40 of them taken: another 20 would leave 20
}

TEST_CASE("a lease outlives the budget's owner, and one that was not used lets its index ask again") {
  Fixture f(20);
  Budget::Point& tiles = f.point(20, 1);
  Lease unused = f.ask(tiles, 20, 0);
  f.budget->return_unused(std::exchange(unused, nullptr));
  Lease lease = f.ask(tiles, 20, 0);
  CHECK(lease);
  f.budget.reset();
  lease.reset();
}

TEST_CASE("what is kept beyond its scope does not keep others waiting") {
  Fixture f(60);
  Budget::Point& tiles = f.point(20, 1, {0, 1});
  const Lease kept = f.ask(tiles, 20, 0, 0);
  f.budget->end_scope(tiles, 0);
  CHECK(f.budget->forget_scope(tiles, 0) == 20);
  const Lease next = f.ask(tiles, 20, 0, 1);
  CHECK(next);
  CHECK(f.ask(tiles, 20, 1, 1));
  CHECK(f.budget->used() == 40);
}

TEST_CASE("a scope's own lease that is kept beyond its end does not keep the next from being opened") {
  Fixture f(60);
  Budget::Point& slides = f.budget->add({"slides", 20, 1, true, 1});
  f.budget->begin_scope(slides, 0);
  Lease scope = f.ask(slides, 20, 0);
  Lease kept = scope;
  CHECK_FALSE(f.ask(slides, 20, 1));
  CHECK(f.budget->forget(std::exchange(scope, nullptr)) == 20);
  CHECK(f.late.size() == 1);
  CHECK(f.budget->used() == 40);
  kept.reset();
  CHECK(f.budget->used() == 20);
  CHECK_FALSE(f.ask(slides, 20, 2));  // one at a time, still
  CHECK(f.budget->forget(std::exchange(f.late.front(), nullptr)) == 0);
  CHECK(f.late.size() == 2);
}
