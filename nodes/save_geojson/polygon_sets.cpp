// SPDX-License-Identifier: Apache-2.0
#include "polygon_sets.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <utility>

#include "nodes/region/ring_boxes.h"
#include "nodes/region/rtree.h"

namespace flowrun::wsi {
namespace {

namespace bg = boost::geometry;

/// One of Boost's operations on two sets: union, or symmetric difference.
using Join = void (*)(const Polygons& a, const Polygons& b, Polygons& both);

void unite(const Polygons& a, const Polygons& b, Polygons& both) {
  bg::union_(a, b, both);
}
void subtract(const Polygons& a, const Polygons& b, Polygons& both) {
  bg::difference(a, b, both);
}
void toggle(const Polygons& a, const Polygons& b, Polygons& both) {
  bg::sym_difference(a, b, both);
}

/// All together, two by two: one after the other would take the square of their number.
Polygons joined(std::vector<Polygons> parts, Join join) {
  if (parts.empty()) return {};
  for (; parts.size() > 1; parts.resize((parts.size() + 1) / 2))
    for (std::size_t i = 0; i < parts.size(); i += 2) {
      Polygons both;
      if (i + 1 < parts.size()) join(parts[i], parts[i + 1], both);
      parts[i / 2] = std::move(i + 1 < parts.size() ? both : parts[i]);
    }
  return std::move(parts.front());
}

/// Parts whose boxes hang together, joined: no two of these touch.
std::vector<Polygons> islands_of(std::vector<Polygons> parts, Join join) {
  using Entry = std::pair<PolygonBox, std::size_t>;
  std::erase_if(parts, [](const Polygons& part) { return part.empty(); });
  std::vector<Entry> entries;
  for (const Polygons& part : parts)
    entries.emplace_back(bg::return_envelope<PolygonBox>(part), entries.size());
  const bg::index::rtree<Entry, bg::index::linear<16>> tree(entries);
  std::vector<std::size_t> leads_to(parts.size());
  std::iota(leads_to.begin(), leads_to.end(), std::size_t{0});
  const auto island = [&](std::size_t i) {
    while (leads_to[i] != i) i = leads_to[i] = leads_to[leads_to[i]];
    return i;
  };
  for (const auto& [box, i] : entries)
    for (auto other = tree.qbegin(bg::index::intersects(box)); other != tree.qend(); ++other)
      leads_to[island(other->second)] = island(i);
  std::map<std::size_t, std::vector<Polygons>> groups;
  for (std::size_t i = 0; i < parts.size(); ++i) groups[island(i)].push_back(std::move(parts[i]));
  std::vector<Polygons> islands;
  for (auto& [first, group] : groups) islands.push_back(joined(std::move(group), join));
  std::erase_if(islands, [](const Polygons& one) { return one.empty(); });
  return islands;
}

bool overlap(const Box& a, const Box& b) {
  return a.low.x <= b.high.x && b.low.x <= a.high.x && a.low.y <= b.high.y && b.low.y <= a.high.y;
}

/// The rings of a polygon, to be asked what lies where without a look at each point. Does not hold them.
class Outlines {
 public:
  explicit Outlines(const Polygon& polygon) {
    add(polygon.outer());
    for (const auto& inner : polygon.inners()) add(inner);
  }
  /// Whether an edge's box touches this one.
  bool may_touch(const Box& box) const {
    bool found = false;
    visit_edges([&](const Box& edges) { return !found && overlap(edges, box); },
                [&](const cv::Point2d& a, const cv::Point2d& b) { found |= overlap(box_of(a, b), box); });
    return found;
  }
  /// Whether a point that is on no outline lies in the polygon.
  bool contains(const cv::Point2d& p) const {
    bool inside = false;
    visit_edges(
        [&](const Box& edges) { return edges.low.y <= p.y && p.y <= edges.high.y && edges.high.x >= p.x; },
        [&](const cv::Point2d& a, const cv::Point2d& b) {
          if ((a.y > p.y) == (b.y > p.y)) return;
          inside ^= p.x < a.x + (p.y - a.y) / (b.y - a.y) * (b.x - a.x);
        });
    return inside;
  }

 private:
  static Box box_of(const cv::Point2d& a, const cv::Point2d& b) {
    Box box{a, a};
    box.add({b, b});
    return box;
  }
  void add(const std::vector<cv::Point2d>& ring) { rings_.emplace_back(&ring, ring); }
  template <class Enter, class Edge>
  void visit_edges(const Enter& enter, const Edge& edge) const {
    for (const auto& [points, boxes] : rings_)
      boxes.visit(
          points->size(), [&](const Box& box, std::size_t, std::size_t) { return enter(box); },
          [&, &ring = *points](std::size_t i) { edge(ring[i], ring[i + 1 == ring.size() ? 0 : i + 1]); });
  }
  std::vector<std::pair<const std::vector<cv::Point2d>*, RingBoxes>> rings_;
};

std::vector<Outlines> outlines_of(const Polygons& polygons) {
  return {polygons.begin(), polygons.end()};
}

/// `join` is for parts with each other, `change` for `whole` and what touches it.
Polygons changed(Polygons whole, std::vector<Polygons> parts, Join join, Join change, bool keep_outside) {
  Polygons touching;
  std::vector<Polygons> apart;
  std::vector<Outlines> outlines = outlines_of(whole);
  for (Polygons& island : islands_of(std::move(parts), join)) {
    const auto box = bg::return_envelope<PolygonBox>(island);
    if (std::any_of(outlines.begin(), outlines.end(), [&](const Outlines& polygon) {
          return polygon.may_touch({box.min_corner(), box.max_corner()});
        }))
      touching.insert(touching.end(), island.begin(), island.end());
    else
      apart.push_back(std::move(island));
  }
  if (!touching.empty()) {
    Polygons left;
    change(whole, touching, left);
    whole = std::move(left);
    outlines = outlines_of(whole);
  }
  std::vector<std::size_t> within;  // of each island the polygon
  for (const Polygons& island : apart) {
    const auto outer = std::find_if(outlines.begin(), outlines.end(), [&](const Outlines& polygon) {
      return polygon.contains(island.front().outer().front());
    });
    within.push_back(static_cast<std::size_t>(outer - outlines.begin()));
  }
  Polygons added;
  for (std::size_t i = 0; i < apart.size(); ++i) {
    if (within[i] == whole.size()) {
      if (keep_outside) added.insert(added.end(), apart[i].begin(), apart[i].end());
      continue;
    }
    for (const Polygon& hole : apart[i]) {
      whole[within[i]].inners().emplace_back(hole.outer().rbegin(), hole.outer().rend());
      for (const auto& inner : hole.inners()) {
        added.emplace_back();
        added.back().outer().assign(inner.rbegin(), inner.rend());
      }
    }
  }
  whole.insert(whole.end(), added.begin(), added.end());
  return whole;
}

}  // namespace

Polygons united(std::vector<Polygons> parts) {
  Polygons all;
  for (const Polygons& island : islands_of(std::move(parts), unite))
    all.insert(all.end(), island.begin(), island.end());
  return all;
}

Polygons without(Polygons whole, std::vector<Polygons> parts) {
  return changed(std::move(whole), std::move(parts), unite, subtract, false);
}

Polygons covered_oddly(Polygons whole, std::vector<Polygons> parts) {
  return changed(std::move(whole), std::move(parts), toggle, toggle, true);
}

}  // namespace flowrun::wsi
