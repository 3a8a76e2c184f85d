// SPDX-License-Identifier: Apache-2.0
#include "region_index.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <opencv2/core.hpp>
#include <utility>

#include "ring_boxes.h"
#include "rtree.h"

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
  std::vector<Entry> entries;
  content_->tree.query(geometry::index::intersects(window.on_slide()), std::back_inserter(entries));
  std::vector<std::size_t> found;
  for (const auto& [box, place] : entries) found.push_back(place);
  std::sort(found.begin(), found.end());
  std::map<std::uint32_t, std::vector<std::size_t>> holes;  // by layer
  std::erase_if(found, [&](std::size_t place) {
    if (regions[place].hole) holes[regions[place].layer].push_back(place);
    return regions[place].hole;
  });
  const auto fill = [&](PolygonFiller& filler, std::size_t place, std::uint8_t value) {
    auto boxes = content_->rings[place].begin();
    for (const auto& ring : regions[place].rings)
      if (!ring.empty()) add_ring(filler, window, ring, *boxes++, value);
    filler.fill(value, regions[place].winding);
  };
  PolygonFiller on_picture(picture, x, y);
  for (auto run = found.begin(), end = run; run != found.end(); run = end) {
    const Region& first = regions[*run];
    const bool cuts = first.value == 0;
    end = std::find_if(run, found.end(), [&](std::size_t place) {
      return regions[place].layer != first.layer || (regions[place].value == 0) != cuts;
    });
    const auto own = holes.find(first.layer);
    if (own == holes.end()) {
      for (auto place = run; place != end; ++place) fill(on_picture, *place, regions[*place].value);
      continue;
    }
    // What lies below the layer shows through its holes.
    cv::Mat layer = cv::Mat::zeros(picture.size(), CV_8UC1);
    PolygonFiller on_layer(layer, x, y);
    for (auto place = run; place != end; ++place)
      fill(on_layer, *place, cuts ? std::uint8_t{255} : regions[*place].value);
    for (const std::size_t hole : own->second) fill(on_layer, hole, 0);
    if (cuts)
      picture.setTo(0, layer);
    else
      layer.copyTo(picture, layer);
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
