// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <chrono>

#include "output_faults.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;
namespace fs = std::filesystem;

namespace {

double seconds_of(const auto& f) {
  const auto begin = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

void write_done(const fs::path& folder, const std::string& scope, const std::string& units) {
  write_file(folder / ".flowrun/done" / (scope + ".json"),
             R"({"publication": "1", "recipe": "0123456789abcdef", "outputs": [)" + units + "]}");
}

}  // namespace

TEST_CASE("a folder is one folder however it is spelled") {
  TemporaryFolder at;
  struct InFolder {
    explicit InFolder(const fs::path& folder) { fs::current_path(folder); }
    ~InFolder() { fs::current_path(before); }
    const fs::path before = fs::current_path();
  };
  const InFolder here(at.path());
  fs::create_directory_symlink("out", "link");
  {
    OutputFolders folders({"out", "out/", "./out", "x/../out", at / "out", "link", "link/", "other"});
    CHECK(std::distance(folders.begin(), folders.end()) == 2);
    for (const char* spelling : {"out", "out/", "./out", "./link", "link/."})
      CHECK(folders.at(spelling).path() == fs::canonical(at / "out"));
    CHECK_THROWS_AS(folders.at("third"), std::logic_error);
  }
  {
    OutputFolders folders({"link"});
    CHECK(folders.at("out").path() == fs::canonical(at / "out"));
  }
}

TEST_CASE("folders that cannot be opened are named with the reason") {
  TemporaryFolder at;
  write_file(at / "file", "");
  fs::create_symlink("self", at / "self");
  fs::create_symlink("nowhere", at / "dangling");
  for (const char* name : {"file", "file/out", "self", "self/out", "dangling"}) {
    CAPTURE(name);
    CHECK(
        contains(said_by([&] { OutputFolder folder(at / name); }), {(at / name).string(), "cannot create"}));
  }
  CHECK(contains(said_by([&] { OutputFolder folder(at / "dangling"); }), {"nowhere", "create that one"}));
}

TEST_CASE("a unit that cannot be looked at is to be made again, and replaced") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    stage_all(folder, "s", {{"a", "1"}, {"b", "1"}});
    fs::create_directories(folder.stage("s", "tree", "n"));
    REQUIRE(publish_one("s", {&folder}) == "");
  }
  const char* unit = "a";
  SUBCASE("a link to itself") {
    fs::remove(at / "a");
    fs::create_symlink("a", at / "a");
  }
  SUBCASE("a link to nowhere") {
    fs::remove(at / "a");
    fs::create_symlink("nowhere", at / "a");
  }
  SUBCASE("in place of a folder") {
    fs::remove_all(at / "tree");
    fs::create_symlink("tree", at / "tree");
    unit = "tree";
  }
  SUBCASE("gone") {
    fs::remove(at / "a");
  }
  OutputFolder folder(at.path());
  CHECK_FALSE(folder.entry("s").is_object());
  stage_all(folder, "s", {{"a", "2"}, {"b", "2"}});
  fs::create_directories(folder.stage("s", "tree", "n"));
  CHECK(publish_one("s", {&folder}) == "");
  CHECK(read_file(at / "a") == "2");
  CHECK_FALSE(fs::is_symlink(at / unit));
  CHECK(folder.entry("s").is_object());
}

TEST_CASE("an entry that cannot be looked at is one scope's trouble") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    for (const char* scope : {"s", "t"}) {
      stage_all(folder, scope, {{scope, "1"}});
      REQUIRE(publish_one(scope, {&folder}) == "");
    }
  }
  const fs::path entry = at / ".flowrun/done/s.json";
  fs::remove(entry);
  fs::create_symlink("s.json", entry);
  OutputFolder folder(at.path());
  CHECK_FALSE(folder.entry("s").is_object());
  CHECK(folder.entry("t").is_object());
  CHECK(contains(said_by([&] { folder.stage("s", "s", "n"); }), {entry.string(), "cannot read"}));
  CHECK(said_by([&] { folder.stage("t", "t", "n"); }) == "");
}

TEST_CASE("names that cannot be files are refused before any work") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  const auto check = [&](const std::string& name) { return said_by([&] { folder.check_scope_name(name); }); };
  CHECK(check("slides.a b") == "");
  for (const std::string& bad :
       {std::string(), std::string("."), std::string(".."), std::string("a/b"), std::string("a\0b", 3)})
    CHECK(contains(check(bad), {at.path().string(), "cannot be a file name"}));
  const std::string most(246, 'x');
  CHECK(check(most) == "");
  CHECK(contains(check(most + "x"), {most, "247", "246", at.path().string()}));
  for (int round = 0; round < 2; ++round) {  // the longest can take all steps, also what is handed on
    write_file(folder.hand_on(round ? "o.b" : "o." + most.substr(2), std::string(255, 'y'), "n"), "1");
    CHECK(publish_one(round ? "o.b" : "o." + most.substr(2), {&folder}) == "");
  }
}

TEST_CASE("units that cannot be files are refused") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  const auto check = [&](const fs::path& unit) { return said_by([&] { folder.stage("s", unit, "n"); }); };
  for (const char* outside : {"", ".", "..", "../x", "/x", "a/../..", ".flowrun/done/x", "./.flowrun"})
    CHECK(contains(check(outside), {at.path().string(), "not inside"}));
  CHECK(contains(check("x/" + std::string(256, 'y') + "/z"), {"256", "255", std::string(256, 'y')}));
  CHECK(contains(check("\xe4.csv"), {"UTF-8"}));
  CHECK(contains(check(std::string("a\0b", 3)), {"NUL"}));
  CHECK_FALSE(folder.has_staged("s"));
  CHECK(left_in(at.path()).empty());
}

TEST_CASE("a journal of many scopes is quickly looked through") {
  TemporaryFolder at;
  { OutputFolder folder(at.path()); }
  write_file(at / "unit", "");
  constexpr int scopes = 5000;
  for (int i = 0; i < scopes; ++i) write_done(at.path(), "slides." + std::to_string(i), R"("unit", "unit")");
  int done = 0;
  const double looked_up = seconds_of([&] {
    OutputFolder folder(at.path());
    for (int i = 0; i < scopes; ++i) done += folder.entry("slides." + std::to_string(i)).is_object();
  });
  CHECK(done == scopes);
  CHECK(looked_up < 4);

  OutputFolder folder(at.path());
  for (int i = 0; i < 200; ++i) {
    const std::string unit = "last-" + std::to_string(i);
    write_file(folder.hand_on("slides.0", unit, "n"), "1");
  }
  REQUIRE(publish_one("slides.0", {&folder}) == "");
  const double handed_on = seconds_of([&] {
    for (int i = 0; i < 200; ++i) folder.hand_on("slides.1", "last-" + std::to_string(i), "n");
  });
  CHECK(handed_on < 20 * looked_up);  // not a look through the journal for each of the 200
}
