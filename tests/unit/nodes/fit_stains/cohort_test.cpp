// SPDX-License-Identifier: Apache-2.0
#include "nodes/fit_stains/cohort.h"

#include <doctest/doctest.h>

#include <opencv2/core.hpp>

#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

Member member(const std::string& name, double r, double maximum) {
  Member one{name, {}};
  one.report.stains.matrix = {r, 0, std::sqrt(1 - r * r), 1, 0, 0};
  one.report.stains.maxima = {maximum, 1};
  return one;
}

}  // namespace

TEST_CASE("the middle of a cohort") {
  const std::vector<Member> members{member("a", 0.6, 1), member("b", 0.8, 2), member("c", 0.6, 6)};
  const StainReport median = middle_of(members, true), mean = middle_of(members, false);
  CHECK(median.stains.maxima[0] == 2);
  CHECK(median.stains.matrix(0, 0) == doctest::Approx(0.6));
  CHECK(mean.stains.maxima[0] == 3);
  // (0.6 + 0.8 + 0.6) / 3 and (0.8 + 0.6 + 0.8) / 3, made of length 1
  CHECK(mean.stains.matrix(0, 0) / mean.stains.matrix(1, 0) == doctest::Approx(2.0 / 2.2));
  CHECK(cv::norm(mean.stains.matrix.col(0)) == doctest::Approx(1));
  CHECK(middle_of({members[0], members[1]}, true).stains.maxima[0] == 1.5);
}

TEST_CASE("a cohort has the residual where its members have it") {
  std::vector<Member> members{member("a", 0.6, 1), member("b", 0.8, 2), member("c", 0.6, 6)};
  CHECK_FALSE(middle_of(members, true).stains.residual);
  CHECK(table_of(members, "tile").find("residual") == std::string::npos);
  for (std::size_t i = 0; i < 3; ++i) members[i].report.stains.residual = i == 1 ? 0.5 : 0.125;
  CHECK(middle_of(members, true).stains.residual == 0.125);
  CHECK(middle_of(members, false).stains.residual == 0.25);
  CHECK(table_of(members, "tile").find(",eosin_maximum,residual_maximum,mean_l,") != std::string::npos);
  CHECK(table_of(members, "tile").find(",1,0.5,") != std::string::npos);
}

TEST_CASE("stains.yaml is read as it was written") {
  const TemporaryFolder folder;
  StainsFile file{member("a", 0.6, 1.25).report, "vahadane", 245, "mean of 3 slides"};
  file.report.lab.mean = {1, -2, 1e-7};
  file.report.lab.space = LabSpace::cielab;
  file.plus_one = false;
  write_file(folder / "stains.yaml", file.text());
  const StainsFile again = StainsFile::read(folder / "stains.yaml");
  CHECK(again.report.stains.matrix == file.report.stains.matrix);
  CHECK(again.report.stains.maxima == file.report.stains.maxima);
  CHECK(again.report.lab.mean == file.report.lab.mean);
  CHECK(again.report.lab.deviation == file.report.lab.deviation);
  CHECK(again.method == "vahadane");
  CHECK(again.report.lab.space == LabSpace::cielab);
  CHECK(again.io == 245);
  CHECK_FALSE(again.plus_one);
  CHECK(again.of == "mean of 3 slides");
  CHECK_FALSE(again.report.stains.residual);
  file.report.stains.residual = -0.0625;
  write_file(folder / "stains.yaml", file.text());
  CHECK(StainsFile::read(folder / "stains.yaml").report.stains.residual == -0.0625);
}

TEST_CASE("stains.yaml of before there were spaces is Ruderman's") {
  const TemporaryFolder folder;
  const std::string head = "flowrun_stains: 1\nmethod: macenko\nio: 240\n",
                    stains =
                        "hematoxylin: {od: [0.6, 0.7, 0.3], maximum: 2}\n"
                        "eosin: {od: [0.1, 0.9, 0.2], maximum: 1}\n";
  const auto read = [&](const std::string& text) {
    write_file(folder / "stains.yaml", text);
    return StainsFile::read(folder / "stains.yaml");
  };
  const StainsFile old = read(head + stains + "lab: {mean: [8, 0, 0], deviation: [1, 1, 1]}\n");
  CHECK(old.report.lab.space == LabSpace::ruderman);
  CHECK(old.plus_one);
  CHECK_THROWS_WITH_AS(
      read(head + stains + "lab: {space: lab, mean: [8, 0, 0], deviation: [1, 1, 1]}\n"),
      doctest::Contains(":6:14: unknown space 'lab'; expected ruderman, cielab, cielab_8bit"), Error);
  CHECK_THROWS_WITH_AS(read(head + stains + "residual: {maximum: 0}\n"),
                       doctest::Contains(":6:21: expected a number that is not 0, found 0"), Error);
  CHECK_THROWS_WITH_AS(read(head + stains + "residual: 1\n"), doctest::Contains(":6:11: expected a map"),
                       Error);
  CHECK_THROWS_WITH_AS(read(head + "plus_one: 1\n" + stains),
                       doctest::Contains(":4:11: expected true or false"), Error);
}
