// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_geojson/region_polygons.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "nodes/region/geojson_file.h"

using namespace flowrun::wsi;

namespace {

using Ring = std::vector<cv::Point2d>;

Ring square(double x, double y, double side) {
  return {{x, y}, {x + side, y}, {x + side, y + side}, {x, y + side}};
}

double area(const Ring& ring) {
  double sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) {
    const auto &a = ring[i], &b = ring[(i + 1) % ring.size()];
    sum += a.x * b.y - b.x * a.y;
  }
  return std::abs(sum) / 2;
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

}  // namespace

TEST_CASE("an outline keeps its points") {
  const auto polygons = polygons_of(classes({{1, {{{10.5, 20}, {110.25, 20}, {60, 99.75}}}}}), 0);
  REQUIRE(polygons);
  REQUIRE(polygons->size() == 1);
  CHECK(std::is_permutation((*polygons)[0].outer.begin(), (*polygons)[0].outer.end(),
                            Ring{{10.5, 20}, {110.25, 20}, {60, 99.75}}.begin()));
}

TEST_CASE("rings within rings, and cuts by later regions") {
  const ClassMask nested = classes({{1, {square(0, 0, 100), square(10, 10, 80), square(20, 20, 10)}},
                                    {0, {square(0, 0, 5)}},
                                    {1, {square(0, 0, 3)}}});
  const auto first = polygons_of(nested, 0);
  REQUIRE(first);
  CHECK(first->size() == 2);
  CHECK(area(*first) == doctest::Approx(100 * 100 - 80 * 80 + 10 * 10 - 5 * 5));
  CHECK(area(*polygons_of(nested, 2)) == 9);  // drawn after the cut
  const auto halved = polygons_of(classes({{1, {square(0, 0, 100)}}, {0, {square(40, -10, 120)}}}), 0);
  CHECK(area(*halved) == doctest::Approx(100 * 100 - 60 * 100));
  CHECK(polygons_of(classes({{1, {square(0, 0, 10)}}, {0, {square(-5, -5, 50)}}}), 0)->empty());
}

TEST_CASE("an outline that crosses itself is traced from a drawing") {
  const ClassMask bow = classes({{1, {{{0, 0}, {400, 400}, {400, 0}, {0, 400}}}}});
  CHECK(!polygons_of(bow, 0));
  const auto drawn = drawn_polygons_of(bow, 0, 50000, 50000);
  CHECK(area(drawn) == doctest::Approx(2 * 200 * 400 / 2).epsilon(0.02));
  const ClassMask large = classes({{1, {{{0, 0}, {40000, 40000}, {40000, 0}, {0, 40000}}}}});
  CHECK(area(drawn_polygons_of(large, 0, 50000, 50000)) ==
        doctest::Approx(2 * 20000.0 * 40000 / 2).epsilon(0.02));
}

TEST_CASE("degenerate rings cover nothing") {
  const auto none = polygons_of(classes({{1, {{{1, 1}, {5, 5}}, {}}}}), 0);
  REQUIRE(none);
  CHECK(none->empty());
}

TEST_CASE("identifiers are UUIDs of version 5, the same for the same content") {
  const std::string id = content_uuid("a");
  REQUIRE(id.size() == 36);
  CHECK(id[14] == '5');
  CHECK(std::string("89ab").find(id[19]) != std::string::npos);
  CHECK(content_uuid("a") == id);
  CHECK(content_uuid("b") != id);
}
