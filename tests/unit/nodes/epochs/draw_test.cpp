// SPDX-License-Identifier: Apache-2.0
#include "nodes/epochs/draw.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <map>
#include <set>

#include "nodes/epochs/split.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

using Rows = std::vector<std::uint32_t>;

std::map<std::uint32_t, int> times(const Rows& rows) {
  std::map<std::uint32_t, int> counts;
  for (const std::uint32_t row : rows) ++counts[row];
  return counts;
}

}  // namespace

TEST_CASE("each row is drawn once an epoch, in an order that seed and epoch alone decide") {
  const Rows rows{3, 5, 8, 9, 12, 20, 21, 22};
  const Rows first = draw_each(rows, 8, 1, 0);
  CHECK(std::multiset<std::uint32_t>(first.begin(), first.end()) ==
        std::multiset<std::uint32_t>(rows.begin(), rows.end()));
  CHECK(first == draw_each(rows, 8, 1, 0));
  CHECK(first != draw_each(rows, 8, 1, 1));
  CHECK(first != draw_each(rows, 8, 2, 0));
  // Fewer are the beginning of all; more begin again.
  CHECK(draw_each(rows, 3, 1, 0) == Rows(first.begin(), first.begin() + 3));
  for (const auto& [row, count] : times(draw_each(rows, 20, 1, 0))) CHECK((count == 2 || count == 3));
}

TEST_CASE("every order is as likely as any other") {
  // 6 orders of 3 rows in 6000 epochs: 1000 each, standard deviation 29.
  std::map<Rows, int> orders;
  for (std::uint64_t epoch = 0; epoch < 6000; ++epoch) ++orders[draw_each({0, 1, 2}, 3, 7, epoch)];
  CHECK(orders.size() == 6);
  for (const auto& [order, count] : orders) CHECK(std::abs(count - 1000) < 150);
}

TEST_CASE("balanced sampling draws rare classes as often as common ones") {
  Rows rows, labels;
  for (std::uint32_t i = 0; i < 100; ++i) rows.push_back(i), labels.push_back(i < 90 ? 0 : i < 98 ? 1 : 2);
  const Rows drawn = draw_balanced(rows, labels, 100, 1, 0);
  std::map<std::uint32_t, int> classes;
  for (const std::uint32_t row : drawn) ++classes[labels[row]];
  for (const auto& [label, count] : classes) CHECK((count == 33 || count == 34));
  CHECK(drawn.size() == 100);
  for (const auto& [row, count] : times(drawn)) {
    if (labels[row] == 0) CHECK(count == 1);
    if (labels[row] == 1) CHECK((count == 4 || count == 5));
    if (labels[row] == 2) CHECK((count == 16 || count == 17));
  }
  CHECK(drawn == draw_balanced(rows, labels, 100, 1, 0));
  CHECK(drawn != draw_balanced(rows, labels, 100, 1, 1));
}

TEST_CASE("weighted sampling draws in proportion to the weights") {
  const auto drawn = times(draw_weighted({0, 2, 3}, {1, 1000, 3, 0}, 40000, 5, 0));
  CHECK(drawn.size() == 2);                    // weight 0 is never drawn, and row 1 is not among the rows
  CHECK(std::abs(drawn.at(0) - 10000) < 450);  // five standard deviations
  CHECK(std::abs(drawn.at(2) - 30000) < 450);
}

TEST_CASE("whole groups are split off, near the share of each class, the same for the same seed") {
  // 20 slides of 10 samples: of half of them 7 are of class 0, of the others 3.
  std::vector<std::string> groups;
  Rows labels;
  for (int slide = 0; slide < 20; ++slide)
    for (int i = 0; i < 10; ++i) {
      groups.push_back("slide" + std::to_string(slide));
      labels.push_back(i < (slide % 2 ? 7 : 3) ? 0 : 1);
    }
  const auto validation = split_off(groups, labels, 0.2, 1);
  std::map<std::string, std::set<bool>> sides;
  double zeros = 0, all = 0;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    sides[groups[i]].insert(validation[i]);
    all += validation[i];
    zeros += validation[i] && labels[i] == 0;
  }
  for (const auto& [slide, parts] : sides) CHECK(parts.size() == 1);
  CHECK(all == doctest::Approx(40).epsilon(0.26));
  CHECK(zeros == doctest::Approx(20).epsilon(0.26));
  CHECK(validation == split_off(groups, labels, 0.2, 1));
  CHECK(validation != split_off(groups, labels, 0.2, 2));
}

TEST_CASE("a split leaves every class a group to train with, and takes at least one") {
  const auto two = split_off({"a", "a", "b", "b"}, {0, 1, 0, 1}, 0.1, 1);
  CHECK(two[0] == two[1]);
  CHECK(two[0] != two[2]);
  // Only "c" can go: "a" and "b" have all there is of classes 2 and 1.
  CHECK(split_off({"a", "a", "b", "c"}, {0, 2, 1, 0}, 0.5, 1) ==
        std::vector<bool>{false, false, false, true});
  CHECK_THROWS_WITH_AS(
      split_off({"a", "b"}, {0, 1}, 0.5, 1),
      "nothing can be split off for validation: of 2 groups each has all samples of some class", Error);
}
