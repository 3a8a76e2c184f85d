// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "nodes/table/csv.h"
#include "nodes/table/slide_labels.h"
#include "nodes/table/slide_names.h"
#include "nodes/table/table_text.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

CsvReader csv(const std::string& text) {
  return {std::make_unique<std::istringstream>(text), "t.csv"};
}

using Rows = std::vector<std::vector<std::string>>;

Rows rows_of(const std::string& text) {
  CsvReader table = csv(text);
  Rows rows{table.columns()};
  while (table.next()) {
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < table.columns().size(); ++i) row.push_back(table.field(i));
  }
  return rows;
}

std::string error_of(const std::string& text) {
  try {
    rows_of(text);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

SlideFacts facts(const std::string& path, const std::string& name) {
  SlideFacts slide;
  slide.path = path;
  slide.name = name;
  return slide;
}

SlideLabels labels(const std::string& text) {
  return SlideLabels(csv(text));
}

std::string label(const SlideLabels& all, const std::string& path, const std::string& name) {
  const std::string* const found = all.find(facts(path, name));
  return found ? *found : "none";
}

}  // namespace

TEST_CASE("csv: quotes, separators, line ends, byte order mark, empty lines, short rows") {
  const Rows expected{{"a", "b"}, {"1", "x, \"y\"\nz"}, {"2", ""}};
  CHECK(rows_of("a,b\n1,\"x, \"\"y\"\"\nz\"\n2\n") == expected);
  CHECK(rows_of("\xef\xbb\xbf a , b\r\n\r\n1,\t\"x, \"\"y\"\"\nz\" \r\n2,") == expected);
  CHECK(rows_of("a;b\n1;\"x, \"\"y\"\"\nz\"\n\n2;\n") == expected);
  CHECK(rows_of("a\tb\n1\t\"x, \"\"y\"\"\nz\"\n2\t\n") == expected);
  CHECK(rows_of("a,b\r1,2\r") == Rows{{"a", "b"}, {"1", "2"}});
  CHECK(rows_of("a;x,b\n1;2,3") == Rows{{"a;x", "b"}, {"1;2", "3"}});
  CHECK(rows_of("\"a\tb\",c\n1,5\" deep\n") == Rows{{"a\tb", "c"}, {"1", "5\" deep"}});
  CHECK(rows_of("a\tb\n\t2\n") == Rows{{"a", "b"}, {"", "2"}});
  CHECK(rows_of("only\n") == Rows{{"only"}});
}

TEST_CASE("csv: mistakes are said with their line") {
  CHECK(error_of("a,b\n1,2\n\n1,2,3\n") == "t.csv:4: 3 fields, but there are 2 columns");
  CHECK(error_of("a,b\n1,\"2\n3\n") == "t.csv:2: a quote is not closed");
  CHECK(error_of("a,b\n\"x\ny\",1\n1,\"2\"3\n") ==
        "t.csv:4: '3' follows a closing quote; a quote within a field is doubled");
  CHECK(error_of("a,a\n") == "t.csv:1: the column 'a' is there twice");
  CHECK(error_of("") == "t.csv: the table is empty");
  CHECK(error_of("\n\n") == "t.csv: the table is empty");
  CHECK(error_of(std::string("a,b\n1,\0", 7)) == "t.csv:2: this is no text: there is a zero byte");
  CHECK(error_of("\xff\xfe"
                 "a") == "t.csv: the table is UTF-16; save it as UTF-8");
  CHECK(error_of("a,b\n" + std::string(CsvReader::most_row_bytes + 1, 'x')) ==
        "t.csv:2: the row is longer than 1 MiB");
  CHECK(error_of(std::string(CsvReader::most_columns, ',')) == "t.csv:1: more than 4096 fields");
  CHECK_THROWS_WITH_AS(CsvReader("/nowhere/t.csv"),
                       "/nowhere/t.csv: cannot be read: No such file or directory", Error);
  CHECK_THROWS_WITH_AS(CsvReader("/tmp"), "/tmp: expected a table, found a folder", Error);
}

TEST_CASE("csv: rows over the buffer's end, numbers, columns by name") {
  std::string text = "\nx,y\n";
  for (int i = 0; i < 30000; ++i) text += std::to_string(i) + "," + std::to_string(i) + ".0\n";
  CsvReader table = csv(text);
  const std::size_t x = table.column({"column", "x"}), y = table.column({"y"});
  std::int64_t sum = 0, rows = 0;
  for (; table.next(); ++rows) sum += table.whole_number(x) + table.whole_number(y);
  CHECK(rows == 30000);
  CHECK(sum == std::int64_t{29999} * 30000);
  CHECK(table.line() == 30003);  // after the last row
  CHECK(!table.find({"z"}));
  CHECK_THROWS_WITH_AS(table.column({"slide", "slide_id"}),
                       "t.csv:2: there is no column 'slide' or 'slide_id'; the columns are x, y", Error);
  CsvReader odd = csv("x\n1.5\nseven\n\n1e300\ninf\n12 \n");
  odd.next();
  CHECK(odd.number(0) == 1.5);
  CHECK_THROWS_WITH_AS(odd.whole_number(0), "t.csv:2: 'x': expected a whole number, found '1.5'", Error);
  odd.next();
  CHECK_THROWS_WITH_AS(odd.number(0), "t.csv:3: 'x': expected a number, found 'seven'", Error);
  odd.next();
  CHECK_THROWS_WITH_AS(odd.whole_number(0), "t.csv:5: 'x': expected a whole number, found '1e300'", Error);
  odd.next();
  CHECK_THROWS_AS(odd.number(0), Error);
  odd.next();
  CHECK(odd.whole_number(0) == 12);
}

TEST_CASE("tables: what is written is read back") {
  const std::string nasty = "a,b\t\"c\"\r\nd";
  for (const char* format : {"csv", "tsv"}) {
    const TableText table(TableText::format(format), {"x", "text, quoted", "none"});
    CHECK(table.extension() == format);
    const Rows rows = rows_of(table.header() + table.row({0.1, nasty, std::nullopt}));
    CHECK(rows == Rows{{"x", "text, quoted", "none"}, {"0.1", nasty, ""}});
  }
  for (const char* text : {" lead", "trail ", "\ttab", "tab\t", " ", " a \"b\" "})
    for (const char* format : {"csv", "tsv"}) {
      CAPTURE(text);
      const TableText table(TableText::format(format), {"name", "x"});
      CHECK(rows_of(table.header() + table.row({text, 1})) == Rows{{"name", "x"}, {text, "1"}});
    }
  const TableText lines(TableText::Format::jsonl, {"x", "y", "text", "none"});
  CHECK(lines.header().empty());
  const std::string row = lines.row({7, 0.25, "\"\xff\n", std::optional<double>()});
  CHECK(row.back() == '\n');
  CHECK(row.find('\n') == row.size() - 1);
  const auto json = nlohmann::json::parse(row);
  CHECK(json["x"] == 7);
  CHECK(json["y"] == 0.25);
  CHECK(json["text"] == "\"\xef\xbf\xbd\n");
  CHECK(json["none"].is_null());
}

TEST_CASE("tables: numbers are short and read back the same") {
  const TableText csv_table(TableText::Format::csv, {"a", "b", "c", "d"});
  CHECK(csv_table.row({1.0, 0.1 + 0.2, 1e-7, -5}) == "1,0.30000000000000004,1e-07,-5\n");
  CHECK(csv_table.row({std::optional(2.5), std::optional<double>(), std::string("s"),
                       std::int64_t{1} << 60}) == "2.5,,s,1152921504606846976\n");
  const TableText lines(TableText::Format::jsonl, {"a"});
  CHECK(lines.row({std::nan("")}) == "{\"a\":null}\n");
  CHECK(lines.row({std::numeric_limits<double>::infinity()}) == "{\"a\":null}\n");
  CHECK_THROWS_AS(csv_table.row({1}), std::logic_error);
  CHECK_THROWS_WITH_AS(TableText::format("xlsx"),
                       "'xlsx' is no format of tables; there are csv, tsv and jsonl", Error);
}

TEST_CASE("slides are named with and without extension and folders") {
  CHECK(slide_stem("a/b/x.SVS") == "x");
  CHECK(slide_stem("TCGA-CR-7395.4ef0.svs") == "TCGA-CR-7395.4ef0");
  CHECK(slide_stem("TCGA-CR-7395.4ef0") == "TCGA-CR-7395.4ef0");
  const SlideFacts slide = facts("/s/ward/x.1.svs", "ward_x.1");
  for (const char* name : {"x.1", "x.1.svs", "ward_x.1", "other/x.1.svs", "ward_x.1.svs"})
    CHECK(names_slide(name, slide));
  for (const char* name : {"x", "x.svs", "x.1.tif", "", "1"}) CHECK(!names_slide(name, slide));
}

TEST_CASE("labels of slides") {
  const SlideLabels all =
      labels("slide_id,case_id,label\nx,1,tumor\nb/y.svs,2,normal\nz.tif,3,a\nz.svs,3,b\nx,1,tumor\n");
  CHECK(all.size() == 4);
  CHECK(label(all, "/s/x.svs", "x") == "tumor");
  CHECK(label(all, "/s/x.svs", "ward_x") == "tumor");
  CHECK(label(all, "/s/y.svs", "y") == "normal");
  CHECK(label(all, "/s/z.svs", "z") == "b");
  CHECK(label(all, "/s/z.tif", "z_tif") == "a");
  CHECK(label(all, "/s/other.svs", "other") == "none");
  CHECK(label(labels("label,filename\n1,x.svs\n"), "x.svs", "x") == "1");
  CHECK(label(labels("slide,label\nward_x,1\nx,2\n"), "ward/x.svs", "ward_x") == "1");
  CHECK(all.bytes() > 4 * 200);
}

TEST_CASE("labels: blanks around them do not count, and one number in two ways is said") {
  CHECK(label(labels("slide,label\nx,\" tumor\t\"\ny,tumor\n"), "x.svs", "x") == "tumor");
  CHECK(labels("slide,label\nx,tumor\nx.svs,\"tumor \"\n").size() == 2);  // no contradiction
  CHECK_THROWS_WITH_AS(labels("slide,label\nx,\"  \"\n"), "t.csv:2: no label for 'x'", Error);
  CHECK_THROWS_WITH_AS(
      labels("slide,label\nx,1\ny,2\nz,1.0\n"),
      "t.csv:4: the label '1.0' is the same number as '1' in line 2; write them alike, or not as "
      "numbers if they are two classes",
      Error);
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const auto of_two = [](const auto& pair) {
    return labels("slide;label\nx;" + pair.first + "\ny;" + pair.second + "\n");
  };
  for (const auto& pair : Pairs{{"1", "01"},
                                {"1", "+1"},
                                {"0", "-0"},
                                {"10", "1e1"},
                                {"0.5", ".5"},
                                {"2", "\" 2.0 \""},
                                {"1.1", "1.10"}})
    CHECK_THROWS_AS(of_two(pair), Error);
  for (const auto& pair : Pairs{{"1", "1"},
                                {"1", "1a"},
                                {"1", "1 0"},
                                {"nan", "NaN"},
                                {"1", "-1"},
                                {"1,5", "1.5"},
                                {"9007199254740993", "9007199254740992"},
                                {"0x1", "1"},
                                {"inf", "Inf"},
                                {"1e99999", "2e99999"}})
    CHECK(of_two(pair).size() == 2);
}

TEST_CASE("labels that disagree, are missing, or have no column") {
  CHECK_THROWS_WITH_AS(labels("slide,label\nx.svs,tumor\ny,a\nx,normal\n"),
                       "t.csv:4: 'x' has the label 'normal' here, but 'tumor' in line 2", Error);
  CHECK_THROWS_WITH_AS(labels("slide,label\na/x,1\nb/x,2\n"),
                       "t.csv:3: 'x' has the label '2' here, but '1' in line 2", Error);
  CHECK_THROWS_WITH_AS(labels("slide,label\nx,\n"), "t.csv:2: no label for 'x'", Error);
  CHECK_THROWS_WITH_AS(labels("slide,label\n,1\n"), "t.csv:2: no slide in this line", Error);
  CHECK_THROWS_WITH_AS(
      labels("id,label\n"),
      "t.csv:1: there is no column 'slide' or 'slide_id' or 'filename'; the columns are id, label", Error);
}
