// SPDX-License-Identifier: Apache-2.0
#include "run/budget.h"

#include <doctest/doctest.h>

using namespace flowrun;

namespace {

Budget::Request request(Account& account, std::size_t bytes, std::uint64_t age, std::vector<Lease>& granted) {
  return {&account, bytes, age, [&granted](Lease lease) { granted.push_back(std::move(lease)); }};
}

}  // namespace

TEST_CASE("a request that does not fit is granted when leases come back") {
  Budget budget(100);
  Account& tiles = budget.open_account("tiles", 0);
  std::vector<Lease> granted;
  Lease first = budget.take_or_wait(request(tiles, 80, 0, granted));
  REQUIRE(first);
  CHECK(!budget.take_or_wait(request(tiles, 50, 0, granted)));
  first->shrink_to(60);
  CHECK(granted.empty());
  first->shrink_to(50);
  CHECK(granted.size() == 1);
  CHECK(budget.used() == 100);
  CHECK(budget.peak() == 100);
  first.reset();
  granted.clear();
  CHECK(budget.used() == 0);
}

TEST_CASE("what another node needs to make progress is kept free") {
  Budget budget(100);
  Account& slides = budget.open_account("slides", 40);
  Account& tiles = budget.open_account("tiles", 30);
  std::vector<Lease> granted;
  const Lease first = budget.take_or_wait(request(slides, 40, 0, granted));
  CHECK(first);
  CHECK(!budget.take_or_wait(request(slides, 40, 1, granted)));
  CHECK(budget.take_or_wait(request(tiles, 30, 0, granted)));
}

TEST_CASE("older scopes go first, and nobody overtakes within a node") {
  Budget budget(100);
  Account& tiles = budget.open_account("tiles", 0);
  std::vector<Lease> young, old, small;
  Lease all = budget.take_or_wait(request(tiles, 100, 0, young));
  CHECK(!budget.take_or_wait(request(tiles, 60, 2, young)));
  CHECK(!budget.take_or_wait(request(tiles, 60, 1, old)));
  CHECK(!budget.take_or_wait(request(tiles, 10, 3, small)));
  all.reset();
  CHECK(old.size() == 1);
  CHECK(young.empty());
  CHECK(small.empty());
  old.clear();
  CHECK(young.size() == 1);
  CHECK(small.size() == 1);
}

TEST_CASE("a lease of several parts returns all of them, and not before") {
  Budget budget(100);
  Account& tiles = budget.open_account("tiles", 0);
  std::vector<Lease> granted;
  Lease a = budget.take_or_wait(request(tiles, 10, 0, granted));
  Lease b = budget.take_or_wait(request(tiles, 20, 0, granted));
  auto both = std::make_shared<LeasedBytes>(std::vector<Lease>{a, b});
  a.reset();
  b.reset();
  CHECK(budget.used() == 30);
  both.reset();
  CHECK(budget.used() == 0);
}
