// SPDX-License-Identifier: Apache-2.0
#include "grid.h"

#include <algorithm>
#include <cmath>

namespace flowrun::wsi {

Grid::Grid(const Slide& slide, Sampling sampling, int size, int stride, Edge edge)
    : slide_(slide),
      sampling_(sampling),
      size_(size),
      stride_(stride),
      window_(sampling.window(size)),
      edge_(edge),
      downsample_(slide.level(sampling.level).downsample),
      extent_(size * sampling.ratio * downsample_) {
  const auto last = [&](std::int64_t side) {
    const auto pixels = static_cast<std::int64_t>(static_cast<double>(side) / sampling.ratio);
    return edge == Edge::pad ? pixels - 1 : pixels - size;
  };
  x_.side = slide.level(sampling.level).width;
  y_.side = slide.level(sampling.level).height;
  x_.last = last(x_.side);
  y_.last = last(y_.side);
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
  const auto begin = [this](const Axis& axis) {
    const double at = static_cast<double>(axis.at) * sampling_.ratio;
    return window_begin(at, window_, axis.side, lies_within(at, size_ * sampling_.ratio, axis.side));
  };
  Cell cell;
  cell.column = begin(x_);
  cell.row = begin(y_);
  cell.x = std::llround(static_cast<double>(cell.column) * downsample_);
  cell.y = std::llround(static_cast<double>(cell.row) * downsample_);
  x_.advance(stride_, edge_);
  return cell;
}

Cell Grid::at(std::int64_t x, std::int64_t y) const {
  const LevelWindow window = window_at(slide_, sampling_.level, x, y, extent_, window_);
  return {window.column, window.row, x, y};
}

}  // namespace flowrun::wsi
