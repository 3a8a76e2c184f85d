// SPDX-License-Identifier: Apache-2.0
#include "polygon_filler.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace flowrun::wsi {
namespace {

std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b > 0 ? 1 : 0);
}

}  // namespace

/// A line from left to right, with what Bresenham's algorithm gives for one of its rows: at step k along the
/// longer side it has gone ceil(k * minor / major - 1/2) along the shorter one.
struct PolygonFiller::Line {
  Vertex start;
  std::int64_t dx, dy;  // dy >= 0
  bool up;

  Line(Vertex a, Vertex b) {
    if (b.x < a.x) std::swap(a, b);
    start = a;
    dx = b.x - a.x;
    dy = std::abs(b.y - a.y);
    up = b.y < a.y;
  }

  /// Columns that it covers in row y, which must be one of its own.
  std::pair<std::int64_t, std::int64_t> columns(std::int64_t y) const {
    if (dy == 0) return {start.x, start.x + dx};
    const std::int64_t row = up ? start.y - y : y - start.y;
    if (dy > dx) {
      const std::int64_t column = start.x + (2 * dx * row + dy - 1) / (2 * dy);
      return {column, column};
    }
    const std::int64_t first = row == 0 ? 0 : dx * (2 * row - 1) / (2 * dy) + 1;
    const std::int64_t last = std::min(dx, dx * (2 * row + 1) / (2 * dy));
    return {start.x + first, start.x + last};
  }
};

void PolygonFiller::fill_run(std::int64_t y, std::int64_t first, std::int64_t last, std::uint8_t value) {
  first = std::max<std::int64_t>(first - left_, 0);
  last = std::min<std::int64_t>(last - left_, picture_.cols - 1);
  if (first > last) return;
  std::memset(picture_.ptr(static_cast<int>(y - top_)) + first, value,
              static_cast<std::size_t>(last - first + 1));
}

/// Crossings right of the window enclose nothing in it; those on the left count by being there.
void PolygonFiller::cross(std::int64_t y, std::int64_t x, bool down) {
  if (x >= left_ + picture_.cols) return;
  crossings_.push_back(static_cast<std::uint64_t>(y - top_) << 33 |
                       static_cast<std::uint64_t>(std::max<std::int64_t>(x - left_, 0)) << 1 |
                       static_cast<std::uint64_t>(down));
}

void PolygonFiller::edge(Vertex from, Vertex to, std::uint8_t value) {
  const std::int64_t bottom = top_ + picture_.rows - 1;
  const std::int64_t low = std::min(from.y, to.y), high = std::max(from.y, to.y);
  if (std::max(low, top_) > std::min(high, bottom) || std::min(from.x, to.x) >= left_ + picture_.cols) return;
  if (std::max(from.x, to.x) < left_) return path_on_the_left(from, to);
  const Line line(from, to);
  const bool down = from.y < to.y;
  if (!down) std::swap(from, to);
  for (std::int64_t y = std::max(low, top_); y <= std::min(high, bottom); ++y) {
    const auto [first, last] = line.columns(y);
    fill_run(y, first, last, value);
    // Each vertex belongs to the edges below it. What lies on the edge itself has been drawn.
    if (y < high) cross(y, from.x + ceil_div((y - low) * (to.x - from.x), high - low), down);
  }
}

void PolygonFiller::path_on_the_left(Vertex from, Vertex to) {
  const std::int64_t low = std::min(from.y, to.y), high = std::max(from.y, to.y);
  for (std::int64_t y = std::max(low, top_); y < std::min(high, top_ + picture_.rows); ++y)
    cross(y, left_, from.y < to.y);
}

void PolygonFiller::fill(std::uint8_t value, bool winding) {
  std::sort(crossings_.begin(), crossings_.end());
  const auto row_of = [&](std::size_t i) { return crossings_[i] >> 33; };
  const auto column = [&](std::size_t i) {
    return left_ + static_cast<std::int64_t>(crossings_[i] >> 1 & 0xffffffff);
  };
  std::int64_t around = 0;
  for (std::size_t i = 0; i < crossings_.size(); ++i) {
    if (i == 0 || row_of(i) != row_of(i - 1)) around = 0;
    around += !winding || (crossings_[i] & 1) ? 1 : -1;
    if (winding ? around == 0 : around % 2 == 0) continue;
    const bool ends = i + 1 < crossings_.size() && row_of(i + 1) == row_of(i);
    fill_run(top_ + static_cast<std::int64_t>(row_of(i)), column(i),
             (ends ? column(i + 1) : left_ + picture_.cols) - 1, value);
  }
  crossings_.clear();
}

}  // namespace flowrun::wsi
