// SPDX-License-Identifier: Apache-2.0
#include "run/intake.h"

#include <doctest/doctest.h>
#include <flowrun/packet.h>

using namespace flowrun;

namespace {

struct Number {
  static constexpr std::string_view packet_type = "test.number/1";
  int value;
};
Packet packet(std::uint64_t index) {
  return Packet::make(Number{static_cast<int>(index)}, nullptr, index);
}
Packet tombstone(std::uint64_t index) {
  return {nullptr, nullptr, index};
}

constexpr Intake::Input stream{true, false}, per_scope{true, true};

}  // namespace

TEST_CASE("packets of two inputs are joined by index") {
  Intake intake({stream, stream}, false);
  CHECK(intake.put(0, packet(7)).sets.empty());
  CHECK(intake.put(1, packet(8)).sets.empty());
  const auto ready = intake.put(1, packet(7));
  REQUIRE(ready.sets.size() == 1);
  CHECK(ready.sets[0].index == 7);
  CHECK(ready.absorbed == 1);
}

TEST_CASE("an index that one input drops is gone, and its partner let go") {
  Intake intake({stream, stream}, false);
  intake.put(0, packet(0));
  const auto ready = intake.put(1, tombstone(0));
  CHECK(ready.gone == std::vector<std::uint64_t>{0});
  CHECK(ready.lost == 1);
  intake.put(0, packet(1));
  CHECK(intake.close(1).gone == std::vector<std::uint64_t>{1});
}

TEST_CASE("packets wait for the one packet of the scope, and are gone without it") {
  Intake waiting({stream, per_scope}, false);
  CHECK(waiting.put(0, packet(0)).sets.empty());
  CHECK(waiting.put(1, packet(0)).sets.size() == 1);
  Intake hopeless({stream, per_scope}, false);
  hopeless.put(0, packet(0));
  CHECK(hopeless.close(1).gone.size() == 1);
  CHECK(hopeless.put(0, packet(1)).gone.size() == 1);
}

TEST_CASE("an ordered intake gives one after the other, in order, past dropped ones") {
  Intake intake({stream}, true);
  CHECK(intake.put(0, packet(2)).sets.empty());
  CHECK(intake.put(0, packet(0)).sets.at(0).index == 0);
  CHECK(intake.put(0, tombstone(1)).sets.empty());
  CHECK(intake.next().sets.at(0).index == 2);
  CHECK(intake.next().sets.empty());
}

TEST_CASE("an index that three inputs cannot complete is gone once, when all that may come has come") {
  Intake intake({stream, stream, stream}, false);
  intake.put(0, packet(0));
  const auto closed = intake.close(1);
  CHECK(closed.gone.empty());
  CHECK(closed.lost == 1);  // its memory goes at once
  CHECK(intake.put(2, packet(0)).gone == std::vector<std::uint64_t>{0});
  intake.put(2, packet(1));
  CHECK(intake.close(0).gone == std::vector<std::uint64_t>{1});
  CHECK(intake.put(2, packet(2)).gone == std::vector<std::uint64_t>{2});
  CHECK(intake.close(2).gone.empty());
}
