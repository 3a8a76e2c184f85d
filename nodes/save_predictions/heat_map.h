// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <utility>

#include "nodes/slide/slide_picture.h"

namespace flowrun::wsi {

/// A picture of a slide with numbers as colours, blue to red, half transparent, where there are
/// tiles; where these overlap, their mean. Not thread-safe.
class HeatMap {
 public:
  static constexpr std::size_t most_bytes = 2 * SlidePicture::most_bytes;

  explicit HeatMap(const Slide& slide);
  /// In level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent, double value);
  /// Rows x cols x 3, 8 bit, RGB: blue for numbers up to `low`, red from `high` on.
  cv::Mat draw(double low = 0, double high = 1) const;
  /// The least and the greatest number; nothing when there was no tile.
  std::optional<std::pair<double, double>> range() const;

  /// See SlidePicture::problem.
  const std::string& problem() const { return picture_.problem; }

 private:
  SlidePicture picture_;
  cv::Mat sums_, tiles_;  // by pixel, float
};

}  // namespace flowrun::wsi
