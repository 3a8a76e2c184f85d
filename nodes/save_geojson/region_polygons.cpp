// SPDX-License-Identifier: Apache-2.0
#include "region_polygons.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "nodes/region/contours.h"
#include "nodes/region/rtree.h"
#include "polygon_sets.h"
#include "simple_rings.h"

namespace flowrun::wsi {
namespace {

namespace bg = boost::geometry;
using Box = PolygonBox;
using Ring = std::vector<cv::Point2d>;

/// A repeated first point makes no difference to what a ring covers.
Ring without_repeats(const Ring& ring) {
  Ring out;
  std::unique_copy(ring.begin(), ring.end(), std::back_inserter(out));
  while (out.size() > 1 && out.front() == out.back()) out.pop_back();
  return out;
}

Polygons one(Polygon polygon) {
  Polygons polygons;
  polygons.push_back(std::move(polygon));
  return polygons;
}

Polygon polygon_of(const std::vector<Ring>& rings) {
  Polygon polygon;
  polygon.outer().assign(rings[0].begin(), rings[0].end());
  for (std::size_t i = 1; i < rings.size(); ++i)
    polygon.inners().emplace_back(rings[i].begin(), rings[i].end());
  bg::correct(polygon);
  return polygon;
}

std::optional<Polygons> valid(Polygons polygons) {
  if (!bg::is_valid(polygons)) return {};
  return polygons;
}

double signed_area(const Ring& ring) {
  double sum = 0;
  for (std::size_t i = 0; i < ring.size(); ++i) sum += ring[i].cross(ring[(i + 1) % ring.size()]);
  return sum;
}

/// What the region covers, without what cuts it; nothing when that cannot be had from its points.
std::optional<Polygons> covered_by(const Region& region) {
  std::vector<Ring> rings;
  for (const Ring& ring : region.rings)
    if (Ring plain = without_repeats(ring); plain.size() >= 3) rings.push_back(std::move(plain));
  if (rings.empty()) return Polygons();
  if (rings.size() == 1 || !region.winding)
    if (Polygon whole = polygon_of(rings); bg::is_valid(whole)) return one(std::move(whole));
  std::vector<Polygons> left, right;  // of lines that run around to the left, and to the right
  for (const Ring& ring : rings) {
    const auto simple = simple_rings(ring, 4 * ring.size());
    if (!simple) return {};
    for (const Ring& loop : *simple) {
      const double area = signed_area(loop);
      if (area == 0) continue;
      Polygon polygon = polygon_of({loop});
      if (!bg::is_valid(polygon)) return {};
      (region.winding && area > 0 ? right : left).push_back(one(std::move(polygon)));
    }
  }
  if (!region.winding && left.empty()) return Polygons();
  if (!region.winding) {
    // Mostly the first is what the others lie in.
    Polygons first = std::move(left.front());
    left.erase(left.begin());
    return valid(covered_oddly(std::move(first), std::move(left)));
  }
  const Polygons to_left = united(std::move(left)), to_right = united(std::move(right));
  if (to_left.empty()) return valid(to_right);
  if (to_right.empty()) return valid(to_left);
  Polygons both, all;
  bg::intersection(to_left, to_right, both);  // where one may go around as often as the other
  if (!both.empty()) return {};
  bg::union_(to_left, to_right, all);
  return valid(std::move(all));
}

/// Of its points; nothing when there are none.
std::optional<Box> box_of(const Region& region) {
  Box box;
  bg::assign_inverse(box);
  for (const Ring& ring : region.rings)
    for (const cv::Point2d& p : ring) bg::expand(box, p);
  return box.min_corner().x > box.max_corner().x ? std::nullopt : std::optional(box);
}

std::vector<RegionPolygon> plain(const Polygons& polygons) {
  std::vector<RegionPolygon> out;
  const auto ring_of = [](const auto& points) { return Ring(points.begin(), points.end()); };
  for (const Polygon& polygon : polygons) {
    RegionPolygon& added = out.emplace_back(RegionPolygon{ring_of(polygon.outer()), {}});
    for (const auto& hole : polygon.inners()) added.holes.push_back(ring_of(hole));
  }
  return out;
}

}  // namespace

/// What cuts regions, where it can be found.
struct RegionPolygons::Cutters {
  using Entry = std::pair<Box, std::size_t>;  // and the region's place
  bg::index::rtree<Entry, bg::index::linear<16>> tree;
  std::map<std::size_t, std::optional<Polygons>> covered;  // by place

  void add(const std::vector<Region>& regions, bool holes) {
    std::vector<Entry> entries;
    for (std::size_t i = 0; i < regions.size(); ++i) {
      if (regions[i].value != 0 || regions[i].hole != holes) continue;
      const auto box = box_of(regions[i]);
      if (!box) continue;
      covered[i] = left_of(regions, i, *box);
      entries.emplace_back(*box, i);
    }
    tree.insert(entries.begin(), entries.end());
  }

  /// Those near a region.
  std::vector<std::size_t> near(const Box& box) const {
    std::vector<std::size_t> places;
    for (auto it = tree.qbegin(bg::index::intersects(box)); it != tree.qend(); ++it)
      places.push_back(it->second);
    std::sort(places.begin(), places.end());
    return places;
  }

  /// What those that cut a region leave of it.
  std::optional<Polygons> left_of(const std::vector<Region>& regions, std::size_t index,
                                  const Box& box) const {
    const Region& region = regions[index];
    auto own = covered_by(region);
    if (!own || region.hole) return own;
    std::vector<Polygons> cuts;
    for (const std::size_t place : near(box)) {
      const Region& by = regions[place];
      if (by.hole ? by.layer != region.layer : place <= index || region.value == 0) continue;
      const auto& cut = covered.at(place);
      if (!cut) return {};
      cuts.push_back(*cut);
    }
    if (cuts.empty()) return own;
    Polygons left = without(std::move(*own), std::move(cuts));
    return valid(std::move(left));
  }
};

RegionPolygons::RegionPolygons(const ClassMask& classes, std::int64_t slide_width, std::int64_t slide_height)
    : classes_(classes), slide_width_(slide_width), slide_height_(slide_height) {
  auto cutters = std::make_unique<Cutters>();
  for (const bool holes : {true, false}) cutters->add(classes.regions(), holes);
  cutters_ = std::move(cutters);
}

RegionPolygons::~RegionPolygons() = default;

RegionPolygons::Outline RegionPolygons::of(std::size_t index) const {
  const auto& regions = classes_.regions();
  const auto box = box_of(regions.at(index));
  if (!box) return {};
  const auto left = cutters_->left_of(regions, index, *box);
  if (left) return {plain(*left)};
  return {drawn(index, cutters_->near(*box)), true};
}

std::vector<RegionPolygon> RegionPolygons::drawn(std::size_t index,
                                                 const std::vector<std::size_t>& cutters) const {
  std::vector<Region> regions{classes_.regions()[index]};
  const Box box = *box_of(regions.front());
  for (const std::size_t place : cutters)
    if (const Region& by = classes_.regions()[place]; by.hole || place > index) regions.push_back(by);
  const cv::Point2d from = box.min_corner(), extent = box.max_corner() - from;
  const double pixel = std::max(1.0, std::ceil(std::max(extent.x, extent.y) / (longest_side - 2)));
  const cv::Point origin(static_cast<int>(std::floor(from.x / pixel)),
                         static_cast<int>(std::floor(from.y / pixel)));
  cv::Mat picture(static_cast<int>(extent.y / pixel) + 2, static_cast<int>(extent.x / pixel) + 2, CV_8UC1);
  // A mask is drawn within its slide only; outlines may leave it to the right and below.
  const auto at_least = [](std::int64_t side, double reached) {
    return std::max(side, static_cast<std::int64_t>(std::ceil(reached)) + 1);
  };
  ClassMask({}, std::move(regions), at_least(slide_width_, box.max_corner().x),
            at_least(slide_height_, box.max_corner().y))
      .draw(pixel, origin.x, origin.y, picture);

  std::vector<RegionPolygon> polygons;
  const auto scaled = [&](const PixelRing& ring) {
    Ring out;
    for (const cv::Point p : ring) out.emplace_back((p.x + origin.x) * pixel, (p.y + origin.y) * pixel);
    return out;
  };
  trace_contours(picture, 1, 1, [&](const PixelPiece& piece) {
    RegionPolygon& added = polygons.emplace_back(RegionPolygon{scaled(piece.outer), {}});
    for (const PixelRing& hole : piece.holes) added.holes.push_back(scaled(hole));
  });
  return polygons;
}

std::size_t RegionPolygons::scratch() {
  constexpr std::size_t pixels = std::size_t{longest_side} * longest_side;
  // The drawing, its tracing, and the polygons in twice the bytes of their rings.
  return contours_scratch(longest_side, longest_side) + 17 * pixels;
}

}  // namespace flowrun::wsi
