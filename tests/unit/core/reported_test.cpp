// SPDX-License-Identifier: Apache-2.0
#include "run/reported.h"

#include <doctest/doctest.h>
#include <flowrun/outputs.h>

#include <limits>
#include <stdexcept>
#include <thread>

#include "output/figures.h"

using namespace flowrun;
using nlohmann::json;

TEST_CASE("What is reported again replaces what was, but histograms are added up") {
  Reported reported;
  reported.add(report::Quantity{"area", 1, "mm²"});
  reported.add(report::Histogram{"sharpness", "", {0, 1, 2}, {3, 4}});
  reported.add(report::Quantity{"area", 2, "mm²"});
  reported.add(report::Histogram{"sharpness", "", {0, 1, 2}, {10, 20}});
  CHECK(reported.json() == json::parse(R"([{"quantity": "area", "value": 2.0, "unit": "mm²"},
      {"histogram": "sharpness", "unit": "", "edges": [0.0, 1.0, 2.0], "counts": [13, 24]}])"));
}

TEST_CASE("Histograms of calls on several threads lose no count") {
  Reported reported;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) reported.add(report::Histogram{"x", "", {0, 1}, {1}});
    });
  threads.clear();
  CHECK(reported.json()[0]["counts"] == json{4000});
}

TEST_CASE(
    "A value counts in the bin that it lies in, beyond the ends in the outermost, and no number in none") {
  const auto bin_of = [](double value) { return report::histogram_of("x", "", 0, 10, 5, value).counts; };
  CHECK(report::histogram_of("x", "", 0, 10, 5, 1).edges == std::vector<double>{0, 2, 4, 6, 8, 10});
  CHECK(bin_of(0) == std::vector<std::uint64_t>{1, 0, 0, 0, 0});
  CHECK(bin_of(2) == std::vector<std::uint64_t>{0, 1, 0, 0, 0});
  CHECK(bin_of(10) == std::vector<std::uint64_t>{0, 0, 0, 0, 1});
  CHECK(bin_of(-5) == std::vector<std::uint64_t>{1, 0, 0, 0, 0});
  CHECK(bin_of(1e300) == std::vector<std::uint64_t>{0, 0, 0, 0, 1});
  CHECK(bin_of(std::numeric_limits<double>::quiet_NaN()) == std::vector<std::uint64_t>(5));
}

TEST_CASE("What cannot be shown is refused where it is reported") {
  const std::vector<OutputSpec> none;
  Outputs out(none, nullptr, nullptr, 0);
  const auto says = [&](report::Item item) -> std::string {
    try {
      out.report(std::move(item));
    } catch (const std::logic_error& problem) {
      return problem.what();
    }
    return "";
  };
  CHECK(says(report::Quantity{"", 1}) == "what is reported needs a name");
  CHECK(says(report::Histogram{"h", "", {0, 1}, {1, 2}}) ==
        "'h' cannot be reported: 2 edges and 2 counts; expected one edge more than counts");
  CHECK(says(report::Histogram{"h", "", {0, 0}, {1}}) == "'h' cannot be reported: its edges do not ascend");
  CHECK(says(report::Chart{"c", "x", "y", {{"curve", {1, 2}, {1}}}}) ==
        "'c' cannot be reported: curve 'curve' has 2 x and 1 y");
  CHECK(says(report::Table{"t", {"a", "b"}, {{"1"}}}) ==
        "'t' cannot be reported: a row of 1 cells for 2 columns");
  CHECK(says(report::Figure{"f", "out", "/etc/x.jpg"}) ==
        "'f' cannot be reported: the path of its unit is not below the output folder");
  CHECK(says(report::Table{"t", {"a"}, {{std::string(65 << 10, 'x')}}}) ==
        "'t' cannot be reported: it has 65 KiB, of which at most 64 KiB are kept; report less");
  CHECK(out.reported().empty());
}

TEST_CASE("All of a node in one scope is bounded, and a name stands for one kind of thing") {
  Reported reported;
  const auto add = [&](const std::string& name) {
    reported.add(report::Table{name, {"a"}, {{std::string(60 << 10, 'x')}}});
  };
  for (const char* name : {"1", "2", "3", "4"}) add(name);
  for (int i = 0; i < 10; ++i) add("4");  // instead of what was
  CHECK_THROWS_WITH(add("5"),
                    "with '5' 300 KiB are reported in one scope: at most 256 KiB are kept; report less");
  CHECK_THROWS_WITH(reported.add(report::Quantity{"1", 2}), "'1' is reported as two kinds of things");
  reported.add(report::Histogram{"h", "", {0, 1}, {1}});
  CHECK_THROWS_WITH(reported.add(report::Histogram{"h", "", {0, 2}, {1}}),
                    "the histogram 'h', which is reported, has other edges than before");
}

TEST_CASE("Figures are found from the folder that the entry lies in, wherever both are moved") {
  json entry{{"report", {{"save", {{{"figure", "f"}, {"path", "/a/tiles/s 1/overview.jpg"}}}}}}};
  make_figures_relative(entry, "/a/features");
  CHECK(entry["report"]["save"][0]["path"] == "../tiles/s 1/overview.jpg");
}
