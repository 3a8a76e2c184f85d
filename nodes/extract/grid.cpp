// SPDX-License-Identifier: Apache-2.0
#include "grid.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <cmath>

namespace flowrun::wsi {

Grid::Grid(const Slide& slide, int level, double ratio, int size, int stride, Edge edge)
    : level_(level),
      size_(size),
      stride_(stride),
      window_(static_cast<int>(std::lround(size * ratio))),
      ratio_(ratio),
      downsample_(slide.level(level).downsample),
      extent_(size * ratio * downsample_) {
  const auto last = [&](std::int64_t side) {
    const auto pixels = static_cast<std::int64_t>(static_cast<double>(side) / ratio);
    return edge == Edge::drop ? pixels - size : pixels - 1;
  };
  last_x_ = last(slide.level(level).width);
  last_y_ = last(slide.level(level).height);
}

Grid Grid::on_level(const Slide& slide, int level, int size, int stride, Edge edge) {
  if (level >= slide.level_count())
    throw Error(fmt::format("{}: level {} was asked for, but the slide has {} (0 to {})",
                            slide.facts().path.string(), level, slide.level_count(),
                            slide.level_count() - 1));
  return {slide, level, 1, size, stride, edge};
}

Grid Grid::at_mpp(const Slide& slide, double mpp, int size, int stride, Edge edge) {
  const double own = slide.facts().mpp_or_throw();
  constexpr double tolerance = 0.005;
  if (mpp < own * (1 - tolerance))
    throw Error(fmt::format("{}: {} microns per pixel were asked for, but the slide's finest level has {}",
                            slide.facts().path.string(), mpp, own));
  const double downsample = mpp / own;
  const int level = slide.level_for(downsample);
  const double ratio = downsample / slide.level(level).downsample;
  return {slide, level, std::abs(ratio - 1) <= tolerance ? 1 : ratio, size, stride, edge};
}

std::optional<Grid::Cell> Grid::next() {
  if (x_ > last_x_) {
    x_ = 0;
    y_ += stride_;
  }
  if (last_x_ < 0 || y_ > last_y_) return {};
  Cell cell;
  cell.column = std::llround(static_cast<double>(x_) * ratio_);
  cell.row = std::llround(static_cast<double>(y_) * ratio_);
  cell.x = static_cast<std::int64_t>(static_cast<double>(cell.column) * downsample_);
  cell.y = static_cast<std::int64_t>(static_cast<double>(cell.row) * downsample_);
  x_ += stride_;
  return cell;
}

}  // namespace flowrun::wsi
