// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <csignal>

#include "output_faults.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;
using Files = std::map<std::string, std::string>;
using Names = std::vector<std::string>;

TEST_CASE("a scope is published in all folders that take part, and in no other") {
  TemporaryFolder at;
  OutputFolder first(at / "first"), second(at / "second"), third(at / "third");
  stage_all(first, "slides.a", {{"a.csv", "table"}, {"tiles/a.h5", "tiles"}});
  CHECK(first.has_staged("slides.a"));
  CHECK_FALSE(second.has_staged("slides.a"));
  CHECK(publish_one("slides.a", {&first, &second}) == "");
  CHECK(outputs_in(at / "first") == Files{{"a.csv", "table"}, {"tiles/a.h5", "tiles"}});
  CHECK(outputs_of(first, "slides.a") == Names{"a.csv", "tiles/a.h5"});
  CHECK(outputs_of(second, "slides.a").empty());  // done, though nothing was written
  CHECK(first.entry("slides.a").at("made") == "by a test");
  CHECK_FALSE(third.entry("slides.a").is_object());
  CHECK_FALSE(first.has_staged("slides.a"));
  for (const char* name : {"first", "second", "third"}) CHECK(left_in(at / name).empty());
}

TEST_CASE("what a scope makes no more is removed, and what it makes replaces") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  stage_all(folder, "s", {{"gone", "1"}, {"kept", "1"}, {"tree/x/old", "1"}, {"flat", "1"}});
  std::filesystem::create_directories(folder.stage("s", "images", "dzi"));
  write_file(folder.stage("s", "images", "dzi") / "old.png", "1");
  REQUIRE(publish_one("s", {&folder}) == "");
  stage_all(folder, "s", {{"kept", "2"}, {"flat/inside", "2"}});
  std::filesystem::create_directories(folder.stage("s", "images", "dzi"));
  write_file(folder.stage("s", "images", "dzi") / "new.png", "2");
  REQUIRE(publish_one("s", {&folder}) == "");
  CHECK(outputs_in(at.path()) == Files{{"kept", "2"}, {"flat/inside", "2"}, {"images/new.png", "2"}});
}

TEST_CASE("what was announced and not written is no output") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  stage_all(folder, "s", {{"written", "1"}});
  folder.stage("s", "announced", "save");
  CHECK(publish_one("s", {&folder}) == "");
  CHECK(outputs_of(folder, "s") == Names{"written"});
}

TEST_CASE("what is discarded leaves nothing") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  stage_all(folder, "s", {{"a", "1"}, {"b/c", "1"}});
  folder.discard("s");
  CHECK_FALSE(folder.has_staged("s"));
  CHECK(left_in(at.path()).empty());
  CHECK(outputs_in(at.path()).empty());
}

TEST_CASE("a batch is on the disk after one sync, and nothing moves before") {
  TemporaryFolder at;
  OutputFolder first(at / "first"), second(at / "second");
  std::vector<Publication> batch;
  for (int i = 0; i < 8; ++i) {
    const std::string scope = "slides." + std::to_string(i);
    stage_all(first, scope, {{scope + ".csv", "old"}});
    REQUIRE(publish_one(scope, {&first, &second}) == "");
    stage_all(first, scope, {{scope + ".new", "new"}});
    stage_all(second, scope, {{scope + ".new", "new"}});
    batch.push_back({scope, {&first, &second}, {}});
  }
  const Files before = outputs_in(at.path());
  int syncs = 0;
  bool moved_before = false, wrote_after = false;
  {
    const FileCalls calls([&](const FileCall& call) {
      if (call.name == "syncfs") ++syncs;
      const bool moves = call.name == "rename" || call.name == "unlink" || call.name == "unlinkat";
      if (syncs == 0) moved_before |= moves;
      if (syncs > 0) wrote_after |= call.name == "write";
      return 0;
    });
    for (const auto& error : publish(batch)) CHECK(said(error) == "");
  }
  CHECK(syncs == 1);
  CHECK_FALSE(moved_before);
  CHECK_FALSE(wrote_after);
  CHECK(outputs_in(at.path()).size() == 16);
}

TEST_CASE("the last sync is one for each file system") {
  TemporaryFolder at;
  OutputFolders folders({at / "first", at / "second"});
  int syncs = 0;
  const FileCalls calls([&](const FileCall& call) {
    syncs += call.name == "syncfs";
    return 0;
  });
  folders.sync();
  CHECK(syncs == 1);
}

TEST_CASE("one that fails leaves the others of its batch alone") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  for (const char* scope : {"a", "b", "c"}) stage_all(folder, scope, {{scope, "1"}});
  write_file(at / "b", "of the user");  // since it was staged
  const auto errors = publish({{"a", {&folder}, {}}, {"b", {&folder}, {}}, {"c", {&folder}, {}}});
  CHECK(said(errors[0]) == "");
  CHECK(contains(said(errors[1]), {(at / "b").string(), "not made by flowrun"}));
  CHECK(said(errors[2]) == "");
  CHECK(outputs_in(at.path()) == Files{{"a", "1"}, {"b", "of the user"}, {"c", "1"}});
  CHECK_FALSE(folder.entry("b").is_object());
  CHECK(left_in(at.path()).empty());
}

TEST_CASE("a disk that cannot be synced fails all that need it") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  stage_all(folder, "a", {{"a", "1"}});
  REQUIRE(publish_one("a", {&folder}) == "");
  stage_all(folder, "a", {{"a", "2"}});
  stage_all(folder, "b", {{"b", "2"}});
  const FileCalls calls([](const FileCall& call) { return call.name == "syncfs" ? EIO : 0; });
  for (const auto& error : publish({{"a", {&folder}, {}}, {"b", {&folder}, {}}}))
    CHECK(contains(said(error), {at.path().string(), "Input/output error"}));
  CHECK(outputs_in(at.path()) == Files{{"a", "1"}});
  CHECK(outputs_of(folder, "a") == Names{"a"});
  CHECK(left_in(at.path()).empty());
}

TEST_CASE("a file that may grow no more leaves the result before") {
  TemporaryFolder at;
  OutputFolder first(at / "first"), second(at / "second");
  const auto stage_both = [&](const char* text) {
    for (OutputFolder* folder : {&first, &second}) stage_all(*folder, "s", {{"a", text}, {text, text}});
  };
  stage_both("old");
  REQUIRE(publish_one("s", {&first, &second}) == "");
  stage_both("new");
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{100, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string problem = publish_one("s", {&first, &second});
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(problem, {"cannot write", "File too large"}));
  for (const char* name : {"first", "second"}) {
    CHECK(outputs_in(at / name) == Files{{"a", "old"}, {"old", "old"}});
    CHECK(left_in(at / name).empty());
  }
  CHECK(outputs_of(first, "s") == Names{"a", "old"});
}

TEST_CASE("whichever call the disk refuses, both folders have the old or the new") {
  int rolled_back = 0, completed_later = 0;
  bool refused = true;
  for (int k = 0; refused; ++k) {
    CAPTURE(k);
    TemporaryFolder at;
    std::string problem;
    {
      OutputFolder first(at / "first"), second(at / "second");
      for (OutputFolder* folder : {&first, &second}) stage_all(*folder, "s", {{"a", "old"}, {"old", "old"}});
      REQUIRE(publish_one("s", {&first, &second}) == "");
      for (OutputFolder* folder : {&first, &second})
        stage_all(*folder, "s", {{"a", "new"}, {"x/new", "new"}});
      int calls = 0;
      const FileCalls refuse([&](const FileCall&) { return calls++ == k ? ENOSPC : 0; });
      problem = publish_one("s", {&first, &second});
      refused = calls > k;
      if (!refused) break;
    }
    const bool later = problem.find("the next run") != std::string::npos;
    const bool old = !problem.empty() && !later;
    rolled_back += old;
    completed_later += later;
    const Files expected = old ? Files{{"a", "old"}, {"old", "old"}} : Files{{"a", "new"}, {"x/new", "new"}};
    if (old)
      for (const char* name : {"first", "second"}) CHECK(left_in(at / name).empty());
    for (const char* name : {"first", "second"}) {
      OutputFolder folder(at / name);
      CHECK(outputs_in(at / name) == expected);
      CHECK(outputs_of(folder, "s") == (old ? Names{"a", "old"} : Names{"a", "x/new"}));
      CHECK(left_in(at / name).empty());
    }
  }
  CHECK(rolled_back > 4);
  CHECK(completed_later > 4);
}
