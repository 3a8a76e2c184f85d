// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "output_faults.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;
using Names = std::vector<std::string>;

namespace {

const std::vector<std::string> units{"last.pt", "metrics.csv"};

void stage_epoch(OutputFolder& folder, const std::string& scope, const std::string& content) {
  for (const std::string& unit : units)
    write_file(folder.hand_on(scope, unit, "train"), content + " " + unit);
}

void publish_epoch(OutputFolder& folder, const std::string& scope, const std::string& content) {
  stage_epoch(folder, scope, content);
  CHECK(publish_one(scope, {&folder}) == "");
}

std::string whose(const std::filesystem::path& folder) {
  const std::string text = read_file(folder / "last.pt");
  return text.substr(0, text.find(' '));
}

}  // namespace

TEST_CASE("a scope takes over what the one before handed on") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  publish_epoch(folder, "epochs.epoch-0", "first");
  CHECK(outputs_of(folder, "epochs.epoch-0") == std::vector<std::string>{"last.pt", "metrics.csv"});
  publish_epoch(folder, "epochs.epoch-1", "second");
  CHECK(read_file(at / "last.pt") == "second last.pt");
  CHECK(outputs_of(folder, "epochs.epoch-0").empty());  // done all the same
  CHECK(outputs_of(folder, "epochs.epoch-1") == std::vector<std::string>{"last.pt", "metrics.csv"});
}

TEST_CASE("only scopes of the same opener hand on to each other") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  publish_epoch(folder, "epochs.epoch-0", "first");
  CHECK_THROWS_AS(folder.hand_on("slides.a", "last.pt", "n"), Error);
  CHECK_THROWS_AS(folder.stage("epochs.epoch-1", "last.pt", "n"), Error);
  write_file(at / "mine.txt", "of the user");
  CHECK_THROWS_AS(folder.hand_on("epochs.epoch-1", "mine.txt", "n"), Error);
}

TEST_CASE("a unit that is handed on has one owner wherever the process ended") {
  bool killed = true;
  int first = 0, second = 0;
  for (int k = 0; killed; ++k) {
    CAPTURE(k);
    TemporaryFolder at;
    killed = killed_at(k, [&](const auto& begin) {
      OutputFolder folder(at.path());
      stage_epoch(folder, "epochs.epoch-0", "first");
      publish_one("epochs.epoch-0", {&folder});
      stage_epoch(folder, "epochs.epoch-1", "second");
      begin();
      publish_one("epochs.epoch-1", {&folder});
    });
    OutputFolder folder(at.path());
    CHECK(left_in(at.path()).empty());
    const std::string owner = whose(at.path());
    ++(owner == "first" ? first : second);
    CHECK(read_file(at / "metrics.csv") == owner + " metrics.csv");
    CHECK(outputs_of(folder, "epochs.epoch-0") == (owner == "first" ? units : Names{}));
    CHECK(outputs_of(folder, "epochs.epoch-1") == (owner == "first" ? Names{"not done"} : units));
  }
  CHECK(first > 3);
  CHECK(second > 3);
}

TEST_CASE("scopes that hand on can be published in one batch") {
  bool killed = true;
  for (int k = 0; killed; ++k) {
    CAPTURE(k);
    TemporaryFolder at;
    killed = killed_at(k, [&](const auto& begin) {
      OutputFolder folder(at.path());
      stage_epoch(folder, "epochs.epoch-9", "first");
      stage_epoch(folder, "epochs.epoch-10", "second");
      begin();
      publish({{"epochs.epoch-9", {&folder}, {}}, {"epochs.epoch-10", {&folder}, {}}});
    });
    OutputFolder folder(at.path());
    if (!folder.entry("epochs.epoch-10").is_object()) continue;
    CHECK(whose(at.path()) == "second");
    CHECK(outputs_of(folder, "epochs.epoch-9").empty());
  }
}

TEST_CASE("what was handed on and is not made again is removed") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  publish_epoch(folder, "epochs.epoch-0", "first");
  publish_epoch(folder, "epochs.epoch-1", "second");
  CHECK(publish_one("epochs.epoch-0", {&folder}) == "");
  CHECK(whose(at.path()) == "second");
  CHECK(publish_one("epochs.epoch-1", {&folder}) == "");
  CHECK_FALSE(std::filesystem::exists(at / "last.pt"));
}

TEST_CASE("what an older flowrun left can be handed on, too") {
  TemporaryFolder at;
  { OutputFolder folder(at.path()); }
  write_file(at / "last.pt", "first");
  write_file(at / ".flowrun/done/epochs.epoch-0.json", R"({"outputs": ["last.pt"]})");
  OutputFolder folder(at.path());
  publish_epoch(folder, "epochs.epoch-1", "second");
  CHECK(outputs_of(folder, "epochs.epoch-0").empty());
}
