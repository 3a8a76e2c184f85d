// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "nodes/slide/slide_picture.h"

namespace flowrun::wsi {

/// A picture of a slide with numbers from 0 to 1 as colours, blue to red, half transparent, where there are
/// tiles; where these overlap, their mean. Not thread-safe.
class HeatMap {
 public:
  static constexpr std::size_t most_bytes = 2 * SlidePicture::most_bytes;

  explicit HeatMap(const Slide& slide);
  /// In level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent, double value);
  /// Rows x cols x 3, 8 bit, RGB.
  cv::Mat draw() const;

  /// See SlidePicture::problem.
  const std::string& problem() const { return picture_.problem; }

 private:
  SlidePicture picture_;
  cv::Mat sums_, tiles_;  // by pixel, float
};

}  // namespace flowrun::wsi
