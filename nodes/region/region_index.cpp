// SPDX-License-Identifier: Apache-2.0
#include "region_index.h"

// Boost.Geometry includes a header of Boost's own that says it is deprecated.
#define BOOST_ALLOW_DEPRECATED_HEADERS
#include <algorithm>
#include <boost/geometry/geometries/box.hpp>
#include <boost/geometry/geometries/point.hpp>
#include <boost/geometry/index/rtree.hpp>
#include <iterator>
#include <utility>

#include "ring_boxes.h"

namespace flowrun::wsi {
namespace {

namespace geometry = boost::geometry;
using TreePoint = geometry::model::point<double, 2, geometry::cs::cartesian>;
using TreeBox = geometry::model::box<TreePoint>;
using Entry = std::pair<TreeBox, std::size_t>;  // and the region's place
using Tree = geometry::index::rtree<Entry, geometry::index::linear<16>>;

TreeBox tree_box(const Box& box) {
  return {{box.low.x, box.low.y}, {box.high.x, box.high.y}};
}

/// The part of a picture that is drawn, in pixels of the whole; the ends belong to it.
struct Window {
  double downsample;
  std::int64_t left, top, right, bottom;

  PolygonFiller::Vertex vertex(const cv::Point2d& p) const {
    constexpr double most = 1e9;
    return {static_cast<std::int64_t>(std::clamp(p.x / downsample, -most, most)),
            static_cast<std::int64_t>(std::clamp(p.y / downsample, -most, most))};
  }
  /// Level-0 pixels that become pixels of the window, and some more.
  TreeBox on_slide() const {
    const auto place = [&](std::int64_t pixel) { return static_cast<double>(pixel) * downsample; };
    return {{place(left - 2), place(top - 2)}, {place(right + 2), place(bottom + 2)}};
  }
};

void add_ring(PolygonFiller& filler, const Window& window, const std::vector<cv::Point2d>& ring,
              const RingBoxes& boxes, std::uint8_t value) {
  const auto vertex = [&](std::size_t i) { return window.vertex(ring[i == ring.size() ? 0 : i]); };
  const auto enter = [&](const Box& box, std::size_t first, std::size_t last) {
    const auto low = window.vertex(box.low), high = window.vertex(box.high);
    if (high.y < window.top || low.y > window.bottom || low.x > window.right) return false;
    if (high.x >= window.left) return true;
    filler.path_on_the_left(vertex(first), vertex(last));
    return false;
  };
  boxes.visit(ring.size(), enter, [&](std::size_t i) { filler.edge(vertex(i), vertex(i + 1), value); });
}

}  // namespace

struct RegionIndex::Content {
  std::vector<std::vector<RingBoxes>> rings;  // of each region, without the empty ones
  Tree tree;
};

RegionIndex::RegionIndex(const std::vector<Region>& regions) {
  auto content = std::make_unique<Content>();
  std::vector<Entry> entries;
  for (const Region& region : regions) {
    auto& rings = content->rings.emplace_back();
    for (const auto& ring : region.rings)
      if (!ring.empty()) rings.emplace_back(ring);
    if (rings.empty()) continue;
    Box whole = rings.front().whole();
    for (const RingBoxes& ring : rings) whole.add(ring.whole());
    entries.emplace_back(tree_box(whole), content->rings.size() - 1);
  }
  content->tree = Tree(entries);
  content_ = std::move(content);
}

RegionIndex::~RegionIndex() = default;

void RegionIndex::draw(const std::vector<Region>& regions, double downsample, std::int64_t x, std::int64_t y,
                       cv::Mat picture) const {
  const Window window{downsample, x, y, x + picture.cols - 1, y + picture.rows - 1};
  std::vector<Entry> found;
  content_->tree.query(geometry::index::intersects(window.on_slide()), std::back_inserter(found));
  std::sort(found.begin(), found.end(), [](const Entry& a, const Entry& b) { return a.second < b.second; });
  PolygonFiller filler(picture, x, y);
  for (const auto& [box, place] : found) {
    const Region& region = regions[place];
    auto boxes = content_->rings[place].begin();
    for (const auto& ring : region.rings)
      if (!ring.empty()) add_ring(filler, window, ring, *boxes++, region.value);
    filler.fill(region.value);
  }
}

std::size_t RegionIndex::bytes() const {
  std::size_t sum = sizeof(Content);
  for (const auto& rings : content_->rings) {
    sum += sizeof rings;
    for (const RingBoxes& ring : rings) sum += ring.bytes();
  }
  return sum + content_->tree.size() * sizeof(Entry) * 5 / 4;
}

}  // namespace flowrun::wsi
