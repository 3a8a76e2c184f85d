// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_geojson/region_polygons.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>
#include <random>
#include <utility>
#include <vector>

#include "../exact_polygons.h"
#include "nodes/region/geojson_file.h"

using namespace flowrun::wsi;

namespace {

using Ring = std::vector<cv::Point2d>;

Ring square(double x, double y, double side) {
  return {{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}};
}

double signed_area(const Ring& ring) {
  double sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const auto &a = ring[i], &b = ring[(i + 1) % ring.size()];
    sum += a.x * b.y - b.x * a.y;
  }
  return sum / 2;
}

double area(const Ring& ring) {
  return std::abs(signed_area(ring));
}

/// What a ring covers, by the even-odd rule or the winding number: between two neighbouring heights at which
/// edges end or cross it is trapezoids.
double area_in_strips(const Ring& ring, bool winding) {
  const auto end = [&](std::size_t i) { return ring[(i + 1) % ring.size()]; };
  std::vector<double> heights;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    heights.push_back(ring[i].y);
    for (std::size_t j = 0; j < i; ++j) {
      const cv::Point2d a = end(i) - ring[i], b = end(j) - ring[j];
      const double along = (ring[j] - ring[i]).cross(b) / a.cross(b);
      if (along > 0 && along < 1) heights.push_back(ring[i].y + along * a.y);
    }
  }
  std::sort(heights.begin(), heights.end());
  double sum = 0;
  for (std::size_t strip = 1; strip < heights.size(); ++strip) {
    const double middle = (heights[strip - 1] + heights[strip]) / 2;
    std::vector<std::pair<double, int>> crossed;  // x, and which way the edge goes
    for (std::size_t i = 0; i < ring.size(); ++i) {
      const cv::Point2d a = ring[i], b = end(i);
      if ((a.y > middle) != (b.y > middle))
        crossed.emplace_back(a.x + (middle - a.y) / (b.y - a.y) * (b.x - a.x), b.y > a.y ? 1 : -1);
    }
    std::sort(crossed.begin(), crossed.end());
    int around = 0;
    for (std::size_t i = 0; i + 1 < crossed.size(); ++i) {
      around += crossed[i].second;
      if (winding ? around != 0 : i % 2 == 0)
        sum += (crossed[i + 1].first - crossed[i].first) * (heights[strip] - heights[strip - 1]);
    }
  }
  return sum;
}

double area(const std::vector<RegionPolygon>& polygons) {
  double sum = 0;
  for (const RegionPolygon& polygon : polygons) {
    sum += area(polygon.outer);
    for (const Ring& hole : polygon.holes) sum -= area(hole);
  }
  return sum;
}

ClassMask classes(std::vector<Region> regions) {
  return {{{"tumor", 1, {200, 0, 0}}}, std::move(regions), 50000, 50000};
}

RegionPolygons::Outline outline(const ClassMask& classes, std::size_t index) {
  return RegionPolygons(classes, 50000, 50000).of(index);
}

}  // namespace

TEST_CASE("an outline keeps its points") {
  const auto [polygons, drawn] = outline(classes({{1, {{{10.5, 20}, {110.25, 20}, {60, 99.75}}}}}), 0);
  CHECK(!drawn);
  REQUIRE(polygons.size() == 1);
  CHECK(std::is_permutation(polygons[0].outer.begin(), polygons[0].outer.end(),
                            Ring{{10.5, 20}, {110.25, 20}, {60, 99.75}}.begin()));
}

TEST_CASE("exterior rings run counter-clockwise as numbers go, holes clockwise, however they were given") {
  Ring hole = square(10, 10, 5);
  for (const bool turned : {false, true}) {
    Ring outer = square(0, 0, 100);
    if (turned) std::reverse(outer.begin(), outer.end());
    const auto polygons = outline(classes({{1, {outer, hole}}}), 0).polygons;
    REQUIRE(polygons.at(0).holes.size() == 1);
    CHECK(signed_area(polygons[0].outer) == 10000);
    CHECK(signed_area(polygons[0].holes[0]) == -25);
    std::reverse(hole.begin(), hole.end());
  }
}

TEST_CASE("rings within rings, and cuts by later regions") {
  const ClassMask nested = classes({{1, {square(0, 0, 100), square(10, 10, 80), square(20, 20, 10)}},
                                    {0, {square(0, 0, 5)}},
                                    {1, {square(0, 0, 3)}}});
  const auto first = outline(nested, 0).polygons;
  CHECK(first.size() == 2);
  CHECK(area(first) == doctest::Approx(100 * 100 - 80 * 80 + 10 * 10 - 5 * 5));
  CHECK(area(outline(nested, 2).polygons) == 9);  // drawn after the cut
  const auto halved = outline(classes({{1, {square(0, 0, 100)}}, {0, {square(40, -10, 120)}}}), 0).polygons;
  CHECK(area(halved) == doctest::Approx(100 * 100 - 60 * 100));
  CHECK(outline(classes({{1, {square(0, 0, 10)}}, {0, {square(-5, -5, 50)}}}), 0).polygons.empty());
}

TEST_CASE("holes cut their layer only, and may lie in each other, touch and leave the region") {
  const ClassMask mask = classes({{0, {square(10, 10, 20)}, 1, true},
                                  {1, {square(0, 0, 100)}, 1},
                                  {1, {square(0, 0, 100)}, 2},
                                  {0, {square(15, 15, 5)}, 1, true},
                                  {0, {square(30, 10, 20)}, 1, true},
                                  {0, {square(90, 90, 50)}, 1, true},
                                  {0, {square(0, 50, 10)}, 3},
                                  {0, {square(2, 52, 3)}, 3, true}});
  CHECK(area(outline(mask, 1).polygons) == doctest::Approx(10000 - 2 * 400 - 100 - 100 + 9));
  CHECK(area(outline(mask, 2).polygons) == doctest::Approx(10000 - 100 + 9));
}

TEST_CASE("an outline that crosses itself is taken apart where it does") {
  const Ring bow{{0, 0}, {400, 400}, {400, 0}, {0, 400}};
  const auto [polygons, drawn] = outline(classes({{1, {bow}}}), 0);
  CHECK(!drawn);
  CHECK(polygons.size() == 2);
  CHECK(area(polygons) == doctest::Approx(2 * 200 * 400 / 2));
  // As a hole it leaves the region around it its corners.
  const auto cut = outline(classes({{1, {square(-50, -50, 1000)}, 1}, {0, {bow}, 1, true}}), 0);
  CHECK(!cut.drawn);
  CHECK(area(cut.polygons) == doctest::Approx(1000000 - 80000));
  std::size_t points = 0;
  for (const auto& polygon : cut.polygons) {
    points += polygon.outer.size();
    for (const Ring& hole : polygon.holes) points += hole.size();
  }
  CHECK(points <= 10);
  // A pentagram: its middle is gone around twice.
  Ring star;
  for (int i = 0; i < 5; ++i)
    star.emplace_back(100 * std::cos(0.8 * i * std::numbers::pi), 100 * std::sin(0.8 * i * std::numbers::pi));
  const double inner = 100 * std::cos(0.4 * std::numbers::pi) / std::cos(0.2 * std::numbers::pi);
  const double middle = 2.5 * inner * inner * std::sin(0.4 * std::numbers::pi);
  const double all = 5 * 100 * inner * std::sin(0.2 * std::numbers::pi);
  CHECK(area(outline(classes({{1, {star}}}), 0).polygons) == doctest::Approx(all - middle));
  CHECK(area(outline(classes({{1, {star}, 0, false, true}}), 0).polygons) == doctest::Approx(all));
  CHECK(area(outline(classes({{1, {bow}, 0, false, true}}), 0).polygons) == doctest::Approx(80000));
}

TEST_CASE("outlines that cross themselves cover what their edges say, strip by strip") {
  std::mt19937 random(7);
  std::uniform_int_distribution<int> place(0, 500);
  for (int n = 0; n < 150; ++n) {
    Ring ring(static_cast<std::size_t>(4 + n % 6));
    for (cv::Point2d& p : ring) p = {place(random) / 3.0, place(random) / 7.0};
    for (const bool winding : {false, true}) {
      const auto [polygons, drawn] = outline(classes({{1, {ring}, 0, false, winding}}), 0);
      CAPTURE(n);
      CAPTURE(winding);
      if (!drawn) CHECK(area(polygons) == doctest::Approx(area_in_strips(ring, winding)));
      if (!winding) CHECK(!drawn);
    }
  }
}

TEST_CASE("spikes, edges gone back and forth, and points met twice") {
  const Ring spike{{0, 0}, {10, 0}, {10, 10}, {10, 50}, {10, 10}, {0, 10}};
  const Ring keyhole{{0, 0},   {90, 0},  {90, 90}, {0, 90},  {0, 0},
                     {20, 20}, {20, 40}, {40, 40}, {40, 20}, {20, 20}};
  const Ring eight{{0, 0}, {10, 10}, {20, 0}, {20, 20}, {10, 10}, {0, 20}};
  for (const auto& [ring, expected] :
       std::vector<std::pair<Ring, double>>{{spike, 100}, {keyhole, 8100 - 400}, {eight, 200}}) {
    const auto [polygons, drawn] = outline(classes({{1, {ring}}}), 0);
    CHECK(!drawn);
    CHECK(area(polygons) == doctest::Approx(expected));
  }
}

TEST_CASE("an outline that crosses itself too often is traced from a drawing") {
  Ring scribble;
  for (int i = 0; i < 200; ++i) scribble.emplace_back((i * 7919) % 1000, (i * 104729) % 1000);
  const auto [polygons, drawn] = outline(classes({{1, {scribble}}}), 0);
  CHECK(drawn);
  cv::Mat picture = cv::Mat::zeros(1001, 1001, CV_8UC1);
  flowrun::test::ExactPolygons({std::vector<cv::Point>(scribble.begin(), scribble.end())}).fill(picture, 1);
  CHECK(area(polygons) == cv::countNonZero(picture));
}

TEST_CASE("degenerate rings cover nothing") {
  CHECK(outline(classes({{1, {{{1, 1}, {5, 5}}, {}}}}), 0).polygons.empty());
  CHECK(outline(classes({{1, {}}}), 0).polygons.empty());
  CHECK(outline(classes({{1, {{{1, 1}, {5, 5}, {9, 9}}}}}), 0).polygons.empty());
}

TEST_CASE("identifiers are UUIDs of version 5, the same for the same content") {
  const std::string id = content_uuid("a");
  REQUIRE(id.size() == 36);
  CHECK(id[14] == '5');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(content_uuid("a") == id);
  CHECK(content_uuid("b") != id);
}
