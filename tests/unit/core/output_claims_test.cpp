// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <atomic>
#include <string>
#include <thread>

#include "output/hash_map.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;

TEST_CASE("two nodes cannot write one unit, nor one inside the other") {
  TemporaryFolder at;
  OutputFolder folder(at.path()), other(at / "other");
  const auto staged = folder.stage("slides.a", "s", "save");
  CHECK(folder.stage("slides.a", "s", "save") == staged);
  CHECK(folder.stage("slides.a", "./s/", "save") == staged);
  for (const char* unit : {"s", "s/", "x/../s", "s/a.csv"}) {
    CAPTURE(unit);
    const std::string problem = said_by([&] { folder.stage("slides.a", unit, "table"); });
    CHECK(contains(problem, {"'save'", "'table'", "'s'", at.path().string(), "another `dir`"}));
    CHECK(said_by([&] { folder.hand_on("slides.a", unit, "table"); }) == problem);
  }
  CHECK(said_by([&] { folder.stage("slides.a", "s.csv", "table"); }) == "");
  CHECK(said_by([&] { folder.stage("slides.a", "deep/in/here.csv", "table"); }) == "");
  CHECK(contains(said_by([&] { folder.stage("slides.a", "deep/in", "save"); }),
                 {"'deep/in'", "'deep/in/here.csv'", "'save'", "'table'"}));
  CHECK(said_by([&] { other.stage("slides.a", "s", "table"); }) == "");
}

TEST_CASE("two scopes of a run cannot write one unit") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  const auto refused = [&](const std::string& scope, const char* unit) {
    return said_by([&] { folder.stage(scope, unit, "later"); });
  };
  write_file(folder.stage("slides.a", "tiles/a", "early"), "1");
  std::filesystem::create_directories(folder.stage("slides.a", "tree", "early"));
  const std::vector<std::string> both{"'slides.a'", "'others.a'", "'later'", at.path().string(), "`dir`"};
  SUBCASE("while both stage") {
    CHECK(contains(refused("others.a", "tiles/a"), both));
    CHECK(contains(refused("others.a", "tiles"), both));
    CHECK(contains(refused("others.a", "tree/x"), both));
    CHECK(contains(refused("slides.b", "tiles/a"), {"'slides.a'", "'slides.b'", "'early'", "'later'"}));
  }
  SUBCASE("after the first was published") {
    REQUIRE(publish_one("slides.a", {&folder}) == "");
    CHECK(contains(refused("others.a", "tiles/a"), both));
    CHECK(contains(refused("others.a", "tree/x"), both));
    CHECK(contains(refused("others.a", "tiles"), {"'slides.a'", "'others.a'"}));
    std::filesystem::remove_all(at / "tree");
    CHECK(contains(refused("others.a", "tree"), {"both write 'tree'"}));
  }
  SUBCASE("not once it was discarded") {
    folder.discard("slides.a");
    CHECK(refused("others.a", "tiles/a") == "");
  }
  CHECK(refused("others.a", "tiles/b") == "");
  CHECK(refused("slides.a", "tiles/c") == "");
}

TEST_CASE("another part may make a folder while something is staged in it") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  for (int round = 0; round < 300; ++round) {
    const std::string parent = std::to_string(round);
    std::atomic<bool> made = false;
    std::thread other([&] {
      std::filesystem::create_directory(at / parent);
      made = true;
    });
    for (int unit = 0; !made; ++unit)
      CHECK(said_by([&] { folder.stage("slides.a", parent + "/" + std::to_string(unit), "save"); }) == "");
    other.join();
  }
}

TEST_CASE("a scope can be made again in the same run") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  for (const char* text : {"1", "2"}) {
    stage_all(folder, "s", {{"a", text}});
    REQUIRE(publish_one("s", {&folder}) == "");
  }
  CHECK(read_file(at / "a") == "2");
}

TEST_CASE("what another scope made in this run is not removed with an old entry that names it too") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    stage_all(folder, "first", {{"a", "1"}, {"b", "1"}});
    REQUIRE(publish_one("first", {&folder}) == "");
  }
  std::filesystem::remove(at / "a");
  OutputFolder folder(at.path());
  stage_all(folder, "second", {{"a", "2"}});
  REQUIRE(publish_one("second", {&folder}) == "");
  stage_all(folder, "first", {{"b", "2"}});
  REQUIRE(publish_one("first", {&folder}) == "");
  CHECK(read_file(at / "a") == "2");
}

TEST_CASE("what flowrun did not make, or made for another scope, is not replaced") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    stage_all(folder, "slides.a", {{"a", "1"}});
    REQUIRE(publish_one("slides.a", {&folder}) == "");
  }
  OutputFolder folder(at.path());
  write_file(at / "b", "of the user");
  std::filesystem::create_symlink("nowhere", at / "link");
  CHECK(contains(said_by([&] { folder.stage("slides.b", "a", "n"); }),
                 {(at / "a").string(), "made for 'slides.a'"}));
  for (const char* unit : {"b", "link"})
    CHECK(contains(said_by([&] { folder.stage("slides.b", unit, "n"); }),
                   {(at / unit).string(), "exists and was not made by flowrun", "move it away"}));
  CHECK(contains(said_by([&] { folder.stage("slides.b", "b/c", "n"); }),
                 {(at / "b").string(), "is no folder"}));
  CHECK_FALSE(folder.has_staged("slides.b"));
}

TEST_CASE("a hash map finds what it was given") {
  HashMap map;
  CHECK_FALSE(map.find(0).has_value());
  for (std::uint64_t i = 0; i < 10000; ++i) map.set(i * 64, i);  // many want the same place
  for (std::uint64_t i = 2; i < 10000; ++i) REQUIRE(map.find(i * 64) == i);
  CHECK_FALSE(map.find(63).has_value());
  map.set(128, 7);
  CHECK(map.find(128) == 7);
}
