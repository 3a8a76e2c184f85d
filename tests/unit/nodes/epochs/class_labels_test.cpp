// SPDX-License-Identifier: Apache-2.0
#include "nodes/epochs/class_labels.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include "nodes/epochs/sample_table.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// Of a table with a sample for each label, read as `epochs` reads it.
Samples samples(const std::filesystem::path& table, const std::vector<std::string>& labels) {
  std::string text = "path,label\n";
  for (const std::string& label : labels) text += "x.png,\"" + label + "\"\n";
  write_file(table, text);
  Samples all;
  read_samples(table, {}, all);
  return all;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("classes: blanks around labels do not count") {
  const TemporaryFolder folder;
  const ClassLabels labels =
      class_labels(samples(folder / "t.csv", {" tumor", "normal", "tumor\t", "tumor"}), {});
  CHECK(labels.classes == Names{"normal", "tumor"});
  CHECK(labels.label == std::vector<std::uint32_t>{1, 0});
  CHECK_THROWS_WITH_AS(samples(folder / "t.csv", {"a", " "}),
                       doctest::Contains("t.csv:3: the sample has no label"), Error);
}

TEST_CASE("classes: labels that are one number are refused, unless both are classes") {
  const TemporaryFolder folder;
  const std::string table = (folder / "t.csv").string();
  for (const Names& two : {Names{"1", "1.0"}, {"01", "1"}, {"2.50", "2.5"}, {"0", "-0"}, {"100", "1e2"}}) {
    const Samples all = samples(table, {two[0], "0.25", two[1]});
    CHECK_THROWS_WITH_AS(class_labels(all, {}),
                         (table + ":4: the label '" + two[1] + "' is the same number as '" + two[0] +
                          "' of " + table + ":2; write them alike, or give both in `classes` if they are two")
                             .c_str(),
                         Error);
    CHECK(class_labels(all, {two[0], "0.25", two[1]}).classes.size() == 3);
  }
  CHECK(class_labels(samples(table, {"10", "9", "9", "1"}), {}).classes == Names{"1", "9", "10"});
  CHECK(class_labels(samples(table, {"1", "1a", "v1.0", "one"}), {}).classes.size() == 4);
}
