// SPDX-License-Identifier: Apache-2.0
#include "simple_rings.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "nodes/region/rtree.h"

namespace flowrun::wsi {
namespace {

namespace bg = boost::geometry;
using TreePoint = bg::model::point<double, 2, bg::cs::cartesian>;
using TreeBox = bg::model::box<TreePoint>;
using Entry = std::pair<TreeBox, std::size_t>;  // and the edge's first point

struct Edge {
  cv::Point2d from, to;
  cv::Point2d along() const { return to - from; }
};

TreeBox box_of(const Edge& edge) {
  const auto [left, right] = std::minmax(edge.from.x, edge.to.x);
  const auto [top, bottom] = std::minmax(edge.from.y, edge.to.y);
  return {{left, top}, {right, bottom}};
}

/// Where along an edge a point near it lies: 0 at its begin, 1 at its end.
double place_on(const Edge& edge, const cv::Point2d& point) {
  return (point - edge.from).dot(edge.along()) / edge.along().dot(edge.along());
}

/// Points that two edges have in common: both ends of what they share, when they lie on one line.
std::vector<cv::Point2d> common_points(const Edge& a, const Edge& b) {
  const double turn = a.along().cross(b.along());
  if (turn == 0) {
    std::vector<cv::Point2d> ends;
    if (a.along().cross(b.from - a.from) != 0) return ends;
    const auto add = [&](const Edge& edge, const cv::Point2d& point) {
      if (const double at = place_on(edge, point); at >= 0 && at <= 1) ends.push_back(point);
    };
    for (const auto& point : {b.from, b.to}) add(a, point);
    for (const auto& point : {a.from, a.to}) add(b, point);
    return ends;
  }
  const double on_a = (b.from - a.from).cross(b.along()) / turn,
               on_b = (b.from - a.from).cross(a.along()) / turn;
  if (on_a < 0 || on_a > 1 || on_b < 0 || on_b > 1) return {};
  if (on_a == 0) return {a.from};
  if (on_a == 1) return {a.to};
  if (on_b == 0) return {b.from};
  if (on_b == 1) return {b.to};
  return {a.from + on_a * a.along()};
}

/// The loops of a line whose common points are among its points.
std::vector<PointRing> loops_of(const PointRing& line) {
  std::vector<PointRing> loops;
  PointRing open;
  std::map<std::pair<double, double>, std::size_t> places;  // in `open`
  const auto keep = [&](PointRing loop) {
    if (loop.size() >= 3) loops.push_back(std::move(loop));
  };
  for (const cv::Point2d& point : line) {
    const auto [visit, is_new] = places.try_emplace({point.x, point.y}, open.size());
    if (is_new) {
      open.push_back(point);
      continue;
    }
    const auto from = open.begin() + static_cast<std::ptrdiff_t>(visit->second);
    for (auto it = from + 1; it != open.end(); ++it) places.erase({it->x, it->y});
    keep({from, open.end()});
    open.erase(from + 1, open.end());
  }
  keep(std::move(open));
  return loops;
}

}  // namespace

std::optional<std::vector<PointRing>> simple_rings(const PointRing& ring, std::size_t crossings) {
  const auto edge = [&](std::size_t i) { return Edge{ring[i], ring[i + 1 == ring.size() ? 0 : i + 1]}; };
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < ring.size(); ++i)
    if (edge(i).from != edge(i).to) entries.emplace_back(box_of(edge(i)), i);
  const bg::index::rtree<Entry, bg::index::linear<16>> tree(entries);
  std::vector<std::pair<std::size_t, cv::Point2d>> added;  // and the edge on which it lies
  for (const auto& [box, i] : entries)
    for (auto other = tree.qbegin(bg::index::intersects(box)); other != tree.qend(); ++other) {
      if (other->second <= i) continue;
      for (const cv::Point2d& point : common_points(edge(i), edge(other->second)))
        for (const std::size_t on : {i, other->second})
          if (point != edge(on).from && point != edge(on).to) added.emplace_back(on, point);
      if (added.size() > 2 * crossings) return {};
    }
  std::sort(added.begin(), added.end(), [&](const auto& a, const auto& b) {
    return a.first != b.first ? a.first < b.first
                              : place_on(edge(a.first), a.second) < place_on(edge(a.first), b.second);
  });
  PointRing line;
  line.reserve(ring.size() + added.size());
  auto next = added.begin();
  const auto go_to = [&](const cv::Point2d& point) {
    if (line.empty() || line.back() != point) line.push_back(point);
  };
  for (std::size_t i = 0; i < ring.size(); ++i) {
    go_to(ring[i]);
    for (; next != added.end() && next->first == i; ++next) go_to(next->second);
  }
  if (line.size() > 1 && line.front() == line.back()) line.pop_back();
  return loops_of(line);
}

}  // namespace flowrun::wsi
