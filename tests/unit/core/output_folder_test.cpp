// SPDX-License-Identifier: Apache-2.0
#include "output/output_folder.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include "support.h"

using namespace flowrun;
using test::read_file;
using test::TemporaryFolder;
using test::write_file;

namespace {

void publish(OutputFolder& folder, const std::string& scope, const std::string& content) {
  for (const char* unit : {"last.pt", "metrics.csv"})
    write_file(folder.hand_on(scope, unit), content + " " + unit);
  folder.publish(scope, {{"scope", scope}});
}

std::vector<std::string> outputs(const OutputFolder& folder, const std::string& scope) {
  return folder.entry(scope).at("outputs").get<std::vector<std::string>>();
}

}  // namespace

TEST_CASE("a scope takes over what the one before handed on") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  publish(folder, "epochs.epoch-0", "first");
  CHECK(outputs(folder, "epochs.epoch-0") == std::vector<std::string>{"last.pt", "metrics.csv"});
  publish(folder, "epochs.epoch-1", "second");
  CHECK(read_file(at / "last.pt") == "second last.pt");
  CHECK(outputs(folder, "epochs.epoch-0").empty());  // done all the same
  CHECK(outputs(folder, "epochs.epoch-1") == std::vector<std::string>{"last.pt", "metrics.csv"});
}

TEST_CASE("only scopes of the same opener hand on to each other") {
  TemporaryFolder at;
  OutputFolder folder(at.path());
  publish(folder, "epochs.epoch-0", "first");
  CHECK_THROWS_AS(folder.hand_on("slides.a", "last.pt"), Error);
  CHECK_THROWS_AS(folder.stage("epochs.epoch-1", "last.pt"), Error);
  write_file(at / "mine.txt", "of the user");
  CHECK_THROWS_AS(folder.hand_on("epochs.epoch-1", "mine.txt"), Error);
}

TEST_CASE("handing on is completed wherever the process ended") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    publish(folder, "epochs.epoch-0", "first");
  }
  const auto intent = at / ".flowrun/publishing/epochs.epoch-1.json";
  const auto staging = at / ".flowrun/staging/epochs.epoch-1";
  const auto stage = [&](const char* unit) {
    std::filesystem::create_directories(staging);
    write_file(staging / unit, std::string("second ") + unit);
  };
  bool intended = true;
  SUBCASE("before the intent") {
    intended = false;
  }
  SUBCASE("before the first is renamed") {
    stage("last.pt");
    stage("metrics.csv");
  }
  SUBCASE("between the two") {
    write_file(at / "last.pt", "second last.pt");
    stage("metrics.csv");
  }
  SUBCASE("after both") {
    write_file(at / "last.pt", "second last.pt");
    write_file(at / "metrics.csv", "second metrics.csv");
  }
  if (!intended) {
    stage("last.pt");
  } else {
    write_file(intent, R"({"entry": {"scope": "epochs.epoch-1", "outputs": ["last.pt", "metrics.csv"]},
                           "outputs": ["last.pt", "metrics.csv"], "handed_on": ["last.pt", "metrics.csv"]})");
  }
  OutputFolder folder(at.path());
  CHECK_FALSE(std::filesystem::exists(intent));
  CHECK_FALSE(std::filesystem::exists(staging));
  const std::string whose = intended ? "second" : "first";
  CHECK(read_file(at / "last.pt") == whose + " last.pt");
  CHECK(read_file(at / "metrics.csv") == whose + " metrics.csv");
  CHECK(folder.entry("epochs.epoch-1").is_object() == intended);
  CHECK(outputs(folder, "epochs.epoch-0").empty() == intended);
}
