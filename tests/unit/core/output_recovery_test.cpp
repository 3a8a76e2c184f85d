// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include "output/names.h"
#include "output_faults.h"
#include "output_support.h"

using namespace flowrun;
using namespace flowrun::test;
namespace fs = std::filesystem;
using Files = std::map<std::string, std::string>;

namespace {

const Files old_files{{"a", "old"}, {"gone", "old"}, {"nest", "old"}, {"tree/x", "old"}};
const Files new_files{{"a", "new"}, {"more/b", "new"}, {"nest/in", "new"}, {"tree/y", "new"}};

void stage_tree(OutputFolder& folder, const char* text, const char* file) {
  const fs::path tree = folder.stage("s", "tree", "images");
  fs::create_directories(tree);
  write_file(tree / file, text);
}

/// Both folders with the old result, then the new one on its way until `k`.
bool publish_until(int k, const fs::path& at) {
  return killed_at(k, [&](const auto& begin) {
    OutputFolder first(at / "first"), second(at / "second");
    for (OutputFolder* folder : {&first, &second}) {
      stage_all(*folder, "s", {{"a", "old"}, {"gone", "old"}, {"nest", "old"}});
      stage_tree(*folder, "old", "x");
    }
    publish_one("s", {&first, &second}, {{"result", "old"}});
    for (OutputFolder* folder : {&first, &second}) {
      stage_all(*folder, "s", {{"a", "new"}, {"more/b", "new"}, {"nest/in", "new"}});
      stage_tree(*folder, "new", "y");
    }
    begin();
    publish_one("s", {&first, &second}, {{"result", "new"}});
  });
}

/// The folder has all of one result and nothing else: whose.
std::string result_in(const fs::path& at) {
  OutputFolder folder(at);
  CHECK(left_in(at).empty());
  const nlohmann::json entry = folder.entry("s");
  REQUIRE(entry.is_object());
  const std::string result = entry.at("result");
  CHECK(outputs_in(at) == (result == "old" ? old_files : new_files));
  return result;
}

/// What the journal says before anybody cleans up.
std::string entered_in(const fs::path& at) {
  const auto text = read_text(at / ".flowrun/done/s.json");
  return text ? nlohmann::json::parse(*text).at("result").get<std::string>() : "";
}

void copy_tree(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::copy(from, to, fs::copy_options::recursive | fs::copy_options::copy_symlinks);
}

}  // namespace

TEST_CASE("wherever a run is killed, both folders have the old or both the new result") {
  int old = 0, fresh = 0, halves = 0;
  bool killed = true;
  for (int k = 0; killed; ++k) {
    CAPTURE(k);
    TemporaryFolder at;
    killed = publish_until(k, at.path());
    halves += entered_in(at / "first") != entered_in(at / "second");
    const bool second_first = k % 2 == 1;
    const std::string one = result_in(at / (second_first ? "second" : "first"));
    const std::string other = result_in(at / (second_first ? "first" : "second"));
    CHECK(one == other);
    (one == "old" ? old : fresh) += killed;
  }
  CHECK(old > 4);
  CHECK(fresh > 4);
  CHECK(halves > 1);  // states in which one was completed and the other not
}

TEST_CASE("a recovery that is killed is ended by the next") {
  bool killed = true;
  for (int k = 0; killed; ++k) {
    TemporaryFolder at;
    killed = publish_until(k, at.path());
    if (k % 5 != 0) continue;  // each with all places of the second kill
    const auto recover = [&](const auto& begin) {
      begin();
      OutputFolder(at / "first"), OutputFolder(at / "second");
    };
    copy_tree(at.path(), at.path().string() + ".killed");
    bool again = true;
    for (int j = 0; again; ++j) {
      CAPTURE(k);
      CAPTURE(j);
      // Intents know their folders by path, so the state is put back where it was made.
      copy_tree(at.path().string() + ".killed", at.path());
      again = killed_at(j, recover);
      CHECK(result_in(at / "second") == result_in(at / "first"));
    }
    fs::remove_all(at.path().string() + ".killed");
  }
}

TEST_CASE("a folder that cannot be seen or was moved leaves the other whole") {
  bool killed = true;
  int old = 0, fresh = 0;
  for (int k = 0; killed; ++k) {
    CAPTURE(k);
    TemporaryFolder at;
    killed = publish_until(k, at.path());
    fs::rename(at / "first", at / "elsewhere");
    const std::string second = result_in(at / "second");
    result_in(at / "elsewhere");
    (second == "old" ? old : fresh) += killed;
  }
  CHECK(old > 4);
  CHECK(fresh > 4);
}

TEST_CASE("an intent that cannot be read is none") {
  TemporaryFolder at;
  {
    OutputFolder folder(at.path());
    stage_all(folder, "s", {{"a", "old"}});
    publish_one("s", {&folder});
  }
  fs::create_directories(at / ".flowrun/staging/s");
  write_file(at / ".flowrun/staging/s/a", "new");
  const fs::path intent = at / ".flowrun/publishing/s.json";
  SUBCASE("torn") {
    write_file(intent, R"({"entry": {"outp)");
  }
  SUBCASE("no intent") {
    write_file(intent, R"([1, {"entry": 7}])");
  }
  SUBCASE("nonsense in it") {
    write_file(intent, R"({"entry": {"publication": 7, "outputs": 7}, "folder": 7, "folders": [7, "%"]})");
    write_file(at / ".flowrun/publishing/s.draft", "x");
  }
  SUBCASE("a link to itself") {
    fs::create_symlink(intent, intent);
  }
  OutputFolder folder(at.path());
  CHECK(read_file(at / "a") == "old");
  CHECK(left_in(at.path()).empty());
}

TEST_CASE("a run looks at folders that it does not use itself") {
  TemporaryFolder at;
  const std::string entry = R"({"publication": "7", "result": "new", "outputs": ["a"]})";
  const auto intent = [&] {
    return R"({"entry": )" + entry + R"(, "folder": ")" + path_to_text(at / "first") + R"(", "folders": [")" +
           path_to_text(at / "first") + R"(", ")" + path_to_text(at / "second") + R"("]})";
  };
  { OutputFolder(at / "first"), OutputFolder(at / "second"); }
  fs::create_directories(at / "first/.flowrun/staging/s");
  write_file(at / "first/.flowrun/staging/s/a", "new");
  write_file(at / "first/.flowrun/publishing/s.json", intent());
  bool counts = true;
  SUBCASE("it has its intent") {
    write_file(at / "second/.flowrun/publishing/s.json", R"({"entry": {"publication": "7", "outputs": []}})");
  }
  SUBCASE("all had") {
    write_file(at / "second/.flowrun/publishing/s.agreed",
               R"({"entry": {"publication": "7", "outputs": []}})");
  }
  SUBCASE("it is done") {
    write_file(at / "second/.flowrun/done/s.json", R"({"publication": "7", "outputs": []})");
  }
  SUBCASE("it has only a draft") {
    write_file(at / "second/.flowrun/publishing/s.draft",
               R"({"entry": {"publication": "7", "outputs": []}})");
    counts = false;
  }
  SUBCASE("it has the intent of another publication") {
    write_file(at / "second/.flowrun/publishing/s.json",
               R"({"entry": {"publication": "8", "outputs": ["a"]}})");
    counts = false;
  }
  SUBCASE("it was done by another publication with the same entry") {
    write_file(at / "second/.flowrun/done/s.json",
               R"({"publication": "6", "result": "new", "outputs": ["a"]})");
    counts = false;
  }
  SUBCASE("it is gone") {
    fs::remove_all(at / "second");
    counts = false;
  }
  SUBCASE("it cannot be looked at") {
    fs::remove_all(at / "second");
    fs::create_symlink(at / "second", at / "second");
    counts = false;
  }
  OutputFolder first(at / "first");
  CHECK(first.entry("s").is_object() == counts);
  CHECK(fs::exists(at / "first/a") == counts);
  CHECK(left_in(at / "first").empty());
}
