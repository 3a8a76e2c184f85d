// SPDX-License-Identifier: Apache-2.0
#include "run/share_out.h"

#include <doctest/doctest.h>

#include <numeric>
#include <random>

#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;

namespace {

std::uint64_t bytes_of(const std::set<std::string>& names, const BytesByName& all) {
  return std::accumulate(names.begin(), names.end(), std::uint64_t{0},
                         [&](std::uint64_t sum, const std::string& name) { return sum + all.at(name); });
}

}  // namespace

TEST_CASE("a known example is shared out as by hand") {
  // 7 6 5 4 3 to two parts: 7 | 6, then 5 to the second, 4 to the first, and 3, as both have 11, to the
  // first.
  const BytesByName all{{"a", 3}, {"b", 7}, {"c", 5}, {"d", 6}, {"e", 4}};
  CHECK(share_out(all, {1, 2}) == std::set<std::string>{"b", "e", "a"});
  CHECK(share_out(all, {2, 2}) == std::set<std::string>{"d", "c"});
}

TEST_CASE("what is as large goes by name, and sizes that are not known are dealt out") {
  const BytesByName all{{"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}, {"e", 0}};
  CHECK(share_out(all, {1, 2}) == std::set<std::string>{"a", "c", "e"});
  CHECK(share_out(all, {2, 2}) == std::set<std::string>{"b", "d"});
}

TEST_CASE("every name belongs to one part, and no part has more than its bound") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    BytesByName all;
    for (unsigned i = random() % 60; i-- > 0;) all[std::to_string(random() % 1000)] = random() % 5000;
    const int count = 1 + static_cast<int>(random() % 20);
    std::uint64_t sum = 0, largest = 0;
    for (const auto& [name, bytes] : all) sum += bytes, largest = std::max(largest, bytes);
    std::set<std::string> seen;
    for (int number = 1; number <= count; ++number) {
      const auto own = share_out(all, {number, count});
      for (const auto& name : own) CHECK(seen.insert(name).second);
      // Of any list scheduling: the last one went to the part that had the least, so at most the average.
      CHECK(bytes_of(own, all) <= sum / static_cast<std::uint64_t>(count) + largest);
    }
    CHECK(seen.size() == all.size());
  }
}

TEST_CASE("lists that are shared out differently have different digests") {
  const BytesByName all{{"a", 1}, {"b", 2}};
  CHECK(digest_of(all) == digest_of(BytesByName{{"b", 2}, {"a", 1}}));
  CHECK(digest_of(all) != digest_of({{"a", 1}, {"b", 3}}));
  CHECK(digest_of(all) != digest_of({{"a", 1}, {"c", 2}}));
  CHECK(digest_of(all) != digest_of({{"a", 1}}));
}

TEST_CASE("a part is a number and a count") {
  CHECK(part_from("3/16") == Part{3, 16});
  CHECK(to_string(Part{3, 16}) == "3/16");
  for (const char* bad : {"", "3", "/", "0/4", "5/4", "-1/4", "1/0", "1/x", "x/4", " 1/4", "1/4/5", "1.5/4",
                          "+1/4", "1/99999999999"}) {
    CAPTURE(bad);
    CHECK(contains(said_by([&] { part_from(bad); }), {bad, "expected NUMBER/COUNT"}));
  }
  CHECK(part_in(room_of(Part{3, 16})) == Part{3, 16});
  CHECK_FALSE(part_in(room_of({})));
}
