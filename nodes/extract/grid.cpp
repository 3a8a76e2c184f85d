// SPDX-License-Identifier: Apache-2.0
#include "grid.h"

#include <algorithm>
#include <cmath>

namespace flowrun::wsi {

Grid::Grid(const Slide& slide, Sampling sampling, int size, int stride, Edge edge)
    : sampling_(sampling),
      size_(size),
      stride_(stride),
      window_(static_cast<int>(std::lround(size * sampling.ratio))),
      edge_(edge),
      downsample_(slide.level(sampling.level).downsample),
      extent_(size * sampling.ratio * downsample_) {
  const auto last = [&](std::int64_t side) {
    const auto pixels = static_cast<std::int64_t>(static_cast<double>(side) / sampling.ratio);
    return edge == Edge::pad ? pixels - 1 : pixels - size;
  };
  x_.last = last(slide.level(sampling.level).width);
  y_.last = last(slide.level(sampling.level).height);
  x_.restart();
  y_.restart();
}

void Grid::Axis::advance(int stride, Edge edge) {
  const std::int64_t next = edge == Edge::shift ? std::min(at + stride, last) : at + stride;
  more = next <= last && next != at;
  at = next;
}

std::optional<Cell> Grid::next() {
  if (!x_.more) {
    x_.restart();
    y_.advance(stride_, edge_);
  }
  if (!x_.more || !y_.more) return {};
  Cell cell;
  cell.column = std::llround(static_cast<double>(x_.at) * sampling_.ratio);
  cell.row = std::llround(static_cast<double>(y_.at) * sampling_.ratio);
  cell.x = std::llround(static_cast<double>(cell.column) * downsample_);
  cell.y = std::llround(static_cast<double>(cell.row) * downsample_);
  x_.advance(stride_, edge_);
  return cell;
}

Cell Grid::at(std::int64_t x, std::int64_t y) const {
  const auto on_level = [&](std::int64_t pixel) {
    return std::llround(static_cast<double>(pixel) / downsample_);
  };
  return {on_level(x), on_level(y), x, y};
}

}  // namespace flowrun::wsi
