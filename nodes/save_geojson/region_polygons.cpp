// SPDX-License-Identifier: Apache-2.0
#include "region_polygons.h"

#include <algorithm>
#define BOOST_ALLOW_DEPRECATED_HEADERS  // Boost 1.74 includes some itself
#include <boost/geometry.hpp>
#include <boost/geometry/geometries/register/point.hpp>
#include <cmath>
#include <utility>

#include "contours.h"

BOOST_GEOMETRY_REGISTER_POINT_2D(cv::Point2d, double, boost::geometry::cs::cartesian, x, y)

namespace flowrun::wsi {
namespace {

namespace bg = boost::geometry;
using Polygon = bg::model::polygon<cv::Point2d, true, false>;
using Polygons = bg::model::multi_polygon<Polygon>;
using Box = bg::model::box<cv::Point2d>;
using Ring = std::vector<cv::Point2d>;

bool usable(const Ring& ring) {
  return ring.size() >= 3;
}

std::optional<Polygon> polygon_of(const Ring& ring) {
  Polygon polygon;
  polygon.outer().assign(ring.begin(), ring.end());
  // A repeated first point, or points on one line that lead nowhere, make no difference to what it covers.
  bg::unique(polygon);
  if (polygon.outer().size() > 1 && polygon.outer().front() == polygon.outer().back())
    polygon.outer().pop_back();
  bg::correct(polygon);
  if (!bg::is_valid(polygon)) return {};
  return polygon;
}

/// What an odd number of rings encloses; nothing when a ring crosses itself.
std::optional<Polygons> covered_by(const Region& region) {
  Polygons covered;
  for (const Ring& ring : region.rings) {
    if (!usable(ring)) continue;
    const auto polygon = polygon_of(ring);
    if (!polygon) return {};
    if (covered.empty()) {
      covered.push_back(*polygon);
      continue;
    }
    Polygons both;
    bg::sym_difference(covered, *polygon, both);
    covered = std::move(both);
  }
  return covered;
}

Box box_of(const Polygons& polygons) {
  return bg::return_envelope<Box>(polygons);
}

template <class Points>
Ring ring_of(const Points& points) {
  return Ring(points.begin(), points.end());
}

}  // namespace

std::optional<std::vector<RegionPolygon>> polygons_of(const ClassMask& classes, std::size_t index) {
  const std::vector<Region>& regions = classes.regions();
  auto covered = covered_by(regions.at(index));
  if (!covered) return {};
  for (std::size_t i = index + 1; i < regions.size() && !covered->empty(); ++i) {
    if (regions[i].value != 0) continue;
    const auto cut = covered_by(regions[i]);
    if (!cut) return {};
    if (cut->empty() || !bg::intersects(box_of(*covered), box_of(*cut))) continue;
    Polygons left;
    bg::difference(*covered, *cut, left);
    covered = std::move(left);
  }
  if (!bg::is_valid(*covered)) return {};
  std::vector<RegionPolygon> polygons;
  for (const Polygon& polygon : *covered) {
    RegionPolygon& added = polygons.emplace_back(RegionPolygon{ring_of(polygon.outer()), {}});
    for (const auto& hole : polygon.inners()) added.holes.push_back(ring_of(hole));
  }
  return polygons;
}

std::vector<RegionPolygon> drawn_polygons_of(const ClassMask& classes, std::size_t index,
                                             std::int64_t slide_width, std::int64_t slide_height) {
  std::vector<Region> regions{classes.regions().at(index)};
  for (std::size_t i = index + 1; i < classes.regions().size(); ++i)
    if (classes.regions()[i].value == 0) regions.push_back(classes.regions()[i]);
  Box box;
  bg::assign_inverse(box);
  for (const Ring& ring : regions.front().rings)
    for (const cv::Point2d& p : ring) bg::expand(box, p);
  if (box.min_corner().x > box.max_corner().x) return {};
  const cv::Point2d from = box.min_corner(), extent = box.max_corner() - from;
  const double pixel = std::max(1.0, std::ceil(std::max(extent.x, extent.y) / (longest_side - 2)));
  const cv::Point origin(static_cast<int>(std::floor(from.x / pixel)),
                         static_cast<int>(std::floor(from.y / pixel)));
  cv::Mat drawn(static_cast<int>(extent.y / pixel) + 2, static_cast<int>(extent.x / pixel) + 2, CV_8UC1);
  // A mask is drawn within its slide only; outlines may leave it to the right and below.
  const auto at_least = [](std::int64_t side, double reached) {
    return std::max(side, static_cast<std::int64_t>(std::ceil(reached)) + 1);
  };
  ClassMask({}, std::move(regions), at_least(slide_width, box.max_corner().x),
            at_least(slide_height, box.max_corner().y))
      .draw(pixel, origin.x, origin.y, drawn);

  std::vector<RegionPolygon> polygons;
  const auto scaled = [&](const PixelRing& ring) {
    Ring out;
    for (const cv::Point p : ring) out.emplace_back((p.x + origin.x) * pixel, (p.y + origin.y) * pixel);
    return out;
  };
  trace_contours(drawn, 1, 1, [&](const PixelPiece& piece) {
    RegionPolygon& added = polygons.emplace_back(RegionPolygon{scaled(piece.outer), {}});
    for (const PixelRing& hole : piece.holes) added.holes.push_back(scaled(hole));
  });
  return polygons;
}

std::size_t drawn_polygons_scratch() {
  constexpr std::size_t pixels = std::size_t{longest_side} * longest_side;
  // The drawing, its tracing, and the polygons in twice the bytes of their rings.
  return contours_scratch(longest_side, longest_side) + 17 * pixels;
}

}  // namespace flowrun::wsi
