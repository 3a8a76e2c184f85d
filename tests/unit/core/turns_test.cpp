// SPDX-License-Identifier: Apache-2.0
#include "run/turns.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <set>
#include <vector>

using namespace flowrun;

TEST_CASE("the lowest indexes are in their turn, and the next when one of them is closed") {
  Turns turns(2);
  CHECK(turns.has(0));
  CHECK(turns.has(1));
  CHECK_FALSE(turns.has(2));
  CHECK_FALSE(turns.close(3).has_value());  // ahead of its turn
  CHECK(turns.close(1) == 2u);
  CHECK(turns.close(0) == 4u);  // 3 needs nothing any more
  CHECK(turns.has(4));
  CHECK_FALSE(turns.has(5));
}

TEST_CASE("in whatever order indexes are closed, those in their turn are the lowest that are open") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    const std::uint64_t slots = 1 + random() % 5;
    Turns turns(slots);
    std::vector<std::uint64_t> order(60);
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random);
    std::set<std::uint64_t> closed;
    for (const std::uint64_t index : order) {
      turns.close(index);
      closed.insert(index);
      std::uint64_t open_below = 0;
      for (std::uint64_t i = 0; i < 80; ++i) {
        if (closed.contains(i)) continue;
        CHECK(turns.has(i) == (open_below < slots));
        ++open_below;
      }
    }
  }
}
