// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "output/lock.h"
#include "output_faults.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

// Long against what a busy machine may keep a thread from doing, where a beat must be seen.
const LockOptions quick{.beat = 20ms, .patience = 3s};
const std::optional<Part> all;

std::string taking(const fs::path& at, const std::optional<Part>& part, const LockOptions& options = quick) {
  return said_by([&] { FolderLock lock(at, part, options); });
}

/// The lock of a process of another machine.
LockOwner of_another_machine() {
  LockOwner owner = LockOwner::this_process();
  owner.host = "far-away";
  owner.boot = "another";
  return owner;
}

void leave_lock(const fs::path& at, const std::string& name, const LockOwner& owner) {
  fs::create_directories(at / ".flowrun/locks");
  write_file(at / ".flowrun/locks" / name, owner.to_text());
}

std::vector<std::string> locks_left(const fs::path& at) {
  auto names = names_in(at / ".flowrun/locks");
  std::sort(names.begin(), names.end());
  return names;
}

/// Runs `f` in a process that then ends without cleaning up, as one that is killed.
template <class F>
void in_process_that_dies(F&& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    f();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  REQUIRE(status == 0);
}

}  // namespace

TEST_CASE("who excludes whom") {
  TemporaryFolder at;
  {
    const FolderLock lock(at.path(), all, quick);
    for (const auto& part : {all, std::optional(Part{1, 2})})
      CHECK(contains(taking(at.path(), part), {"in use by another flowrun", std::to_string(::getpid())}));
  }
  const FolderLock lock(at.path(), Part{1, 3}, quick);
  CHECK(contains(taking(at.path(), all), {"in use", "part 1/3"}));
  CHECK(contains(taking(at.path(), Part{1, 3}), {"in use", "part 1/3"}));
  CHECK(contains(taking(at.path(), Part{2, 4}), {"in use", "part 1/3"}));
  CHECK(taking(at.path(), Part{2, 3}) == "");
  // Who was refused has let go.
  CHECK_FALSE(holder_of(at.path(), all, quick));
  CHECK_FALSE(holder_of(at.path(), Part{2, 4}, quick));
  CHECK(holder_of(at.path(), Part{1, 3}, quick));
}

TEST_CASE("a lock that was let go can be taken, and leaves one file") {
  TemporaryFolder at;
  fs::create_directories(at / ".flowrun/locks");
  write_file(at / ".flowrun/locks/whole.0.12-ab", "of a process that was killed while it made one");
  for (int round = 0; round < 5; ++round) CHECK(taking(at.path(), all) == "");
  CHECK(locks_left(at.path()) == std::vector<std::string>{"whole.4"});
}

TEST_CASE("what a dead process of this machine held is free at once") {
  TemporaryFolder at;
  const LockOptions patient{.beat = 20ms, .patience = 24h};
  for (const auto& part : {all, std::optional(Part{1, 2})}) {
    in_process_that_dies([&] { new FolderLock(at.path(), part, patient); });
    CHECK(taking(at.path(), Part{2, 2}, patient) == "");
    CHECK(taking(at.path(), all, patient) == "");
  }
}

TEST_CASE("a process that only has the number of the dead one does not hold its lock") {
  TemporaryFolder at;
  LockOwner owner = LockOwner::this_process();
  leave_lock(at.path(), "whole.0", owner);
  CHECK(contains(taking(at.path(), all), {"in use"}));
  owner.started -= 1;
  leave_lock(at.path(), "whole.0", owner);
  CHECK(taking(at.path(), all) == "");
}

TEST_CASE("a machine is dead when its beats stop, and lives while they come, whatever its clock says") {
  TemporaryFolder at;
  LockOwner owner = of_another_machine();
  leave_lock(at.path(), "whole.7", owner);
  const fs::path file = at / ".flowrun/locks/whole.7";
  std::string waited;
  const LockOptions options{.beat = 20ms, .patience = 300ms, .on_wait = [&](auto& text) { waited = text; }};
  // In one go, as owners do.
  const auto tell = [&] {
    const int open = ::open(file.c_str(), O_WRONLY);
    const std::string text = owner.to_text();
    CHECK(::pwrite(open, text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
    ::close(open);
  };
  SUBCASE("dead, with a clock an hour ahead") {
    fs::last_write_time(file, fs::file_time_type::clock::now() + 1h);
    CHECK(taking(at.path(), all, options) == "");
    CHECK(locks_left(at.path()) == std::vector<std::string>{"whole.8"});
    CHECK(contains(waited, {"whole.7", "far-away"}));
  }
  SUBCASE("dead, beside a part") {
    CHECK(taking(at.path(), Part{1, 2}, options) == "");
    CHECK(locks_left(at.path()) == std::vector<std::string>{"part-1-of-2.0", "whole.7", "whole.8"});
  }
  SUBCASE("alive, with a clock an hour behind") {
    std::jthread beats([&](std::stop_token stop) {
      while (!stop.stop_requested()) {
        ++owner.beats;
        tell();
        fs::last_write_time(file, fs::file_time_type::clock::now() - 1h);
        std::this_thread::sleep_for(5ms);
      }
    });
    CHECK(contains(taking(at.path(), all, quick), {"in use", "far-away"}));
    CHECK(contains(taking(at.path(), Part{1, 2}, quick), {"in use", "far-away"}));
  }
  SUBCASE("let go while it is watched") {
    std::jthread lets_go([&] {
      std::this_thread::sleep_for(50ms);
      owner.free = true;
      tell();
    });
    const LockOptions patient{.beat = 20ms, .patience = 24h};
    CHECK(taking(at.path(), all, patient) == "");
  }
}

TEST_CASE("an owner shows that it lives") {
  TemporaryFolder at;
  const FolderLock lock(at.path(), all, quick);
  const auto beats = [&] { return LockOwner::from_text(*read_text(at / ".flowrun/locks/whole.0"))->beats; };
  while (beats() < 3) std::this_thread::sleep_for(5ms);
}

TEST_CASE("an owner that was taken for dead publishes no more") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  stage_all(folder, "s", {{"a", "1"}});
  REQUIRE(publish_one("s", {&folder}) == "");
  leave_lock(at.path(), "whole.1", of_another_machine());
  stage_all(folder, "t", {{"b", "1"}});
  CHECK(contains(publish_one("t", {&folder}), {"whole.0", "no longer held"}));
  CHECK_FALSE(fs::exists(at / "b"));
  // Also when the new owner has removed what came before it.
  fs::rename(at / ".flowrun/locks/whole.1", at / ".flowrun/locks/whole.9");
  fs::remove(at / ".flowrun/locks/whole.0");
  stage_all(folder, "t", {{"b", "1"}});
  CHECK(contains(publish_one("t", {&folder}), {"no longer held"}));
}

TEST_CASE("of many processes that begin at once one has the lock at a time") {
  TemporaryFolder at;
  for (int round = 0; round < 20; ++round) {
    if (round % 2) in_process_that_dies([&] { new FolderLock(at.path(), Part{1, 2}, quick); });
    int go[2], taken[2], end[2];
    for (int* each : {go, taken, end}) REQUIRE(::pipe(each) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 16; ++i) {
      children.push_back(::fork());
      if (children.back() != 0) continue;
      for (int* each : {go, end}) ::close(each[1]);
      char ignored;
      (void)!::read(go[0], &ignored, 1);
      std::unique_ptr<FolderLock> lock;
      const bool has = said_by([&] {
                         lock = std::make_unique<FolderLock>(at.path(), Part{1, 2}, quick);
                       }).empty();
      (void)!::write(taken[1], has ? "y" : "n", 1);
      (void)!::read(end[0], &ignored, 1);  // nobody lets go before all have tried
      ::_exit(0);
    }
    ::close(go[1]);
    std::string answers;
    for (char answer; answers.size() < 16 && ::read(taken[0], &answer, 1) == 1;) answers += answer;
    CHECK(std::count(answers.begin(), answers.end(), 'y') == 1);
    ::close(end[1]);
    for (const pid_t child : children) ::waitpid(child, nullptr, 0);
    for (int* each : {go, taken, end}) ::close(each[0]);
    ::close(taken[1]);
  }
}

TEST_CASE("what is no file of its own is no lock") {
  TemporaryFolder at;
  fs::create_directories(at / ".flowrun/locks");
  write_file(at / "precious", "keep");
  fs::create_symlink("../../precious", at / ".flowrun/locks/whole.0");
  CHECK(contains(taking(at.path(), all), {"whole.0", "is a link", "remove it"}));
  CHECK(read_file(at / "precious") == "keep");
}

TEST_CASE("runs of parts share a folder, each with a room of its own") {
  TemporaryFolder at;
  OutputFolder first(at.path(), Part{1, 3});
  stage_all(first, "s", {{"a", "1"}});
  {
    OutputFolder second(at.path(), Part{2, 3});
    stage_all(second, "t", {{"b", "1"}});
    REQUIRE(publish_one("t", {&second}) == "");
    CHECK(contains(said_by([&] { OutputFolder twice(at.path(), Part{2, 3}); }), {"in use", "part 2/3"}));
  }
  REQUIRE(publish_one("s", {&first}) == "");  // the others left it alone
  CHECK(first.entry("t").is_object());
  for (const char* room : {"1-of-3", "2-of-3"})
    for (const char* kind : {"staging", "publishing"})
      CHECK(names_in(at / ".flowrun/parts" / room / kind).empty());
}

TEST_CASE("a part that shares out other scopes than one that runs is refused") {
  TemporaryFolder at;
  const OutputFolder first(at.path(), Part{1, 2});
  first.agree_on_shares("slides.0", "a");
  {
    const OutputFolder second(at.path(), Part{2, 2});
    CHECK(said_by([&] { second.agree_on_shares("slides.0", "a"); }) == "");
    CHECK(said_by([&] { second.agree_on_shares("others.0", "b"); }) == "");
    CHECK(contains(said_by([&] { second.agree_on_shares("slides.0", "b"); }),
                   {"part 1/2", "slides.0", "changed"}));
  }
  CHECK(said_by([&] { first.agree_on_shares("slides.0", "c"); }) == "");  // the other one has ended
}

TEST_CASE("what a killed part has agreed on is completed by the next run of it, or of all") {
  for (const auto& next : {std::optional(Part{1, 2}), std::optional(Part{1, 3}), all})
    for (const bool superseded : {false, true}) {
      CAPTURE(superseded);
      TemporaryFolder at;
      { const OutputFolder made(at.path(), Part{1, 2}); }
      const fs::path room = at / ".flowrun/parts/1-of-2";
      fs::create_directories(room / "staging/s");
      write_file(room / "staging/s/a", "new");
      write_file(
          room / "publishing/s.agreed",
          R"({"entry": {"publication": "7", "outputs": ["a"]}, "remove": [], "folders": [], "before": ""})");
      if (superseded) {
        write_file(at / ".flowrun/done/s.json", R"({"publication": "8", "outputs": ["a"]})");
        write_file(at / "a", "newer");
      }
      const OutputFolder folder(at.path(), next);
      CHECK(read_file(at / "a") == (superseded ? "newer" : "new"));
      CHECK(folder.entry("s").value("publication", "") == (superseded ? "8" : "7"));
      CHECK_FALSE(fs::exists(room / "staging/s"));
      CHECK_FALSE(fs::exists(room / "publishing/s.agreed"));
    }
}

TEST_CASE("a file system without hard links has locks, too") {
  TemporaryFolder at;
  const FileCalls calls([](const FileCall& call) { return call.name == "link" ? EPERM : 0; });
  const FolderLock lock(at.path(), Part{1, 2}, quick);
  CHECK(contains(taking(at.path(), Part{1, 2}), {"in use"}));
  CHECK(locks_left(at.path()) == std::vector<std::string>{"part-1-of-2.0"});
}
