// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// A picture of a slide, its longer side at most `longest_side` pixels, on which the kept tiles are drawn in
/// blue and the outline of the tissue mask in green. Not thread-safe.
class Overview {
 public:
  static constexpr int longest_side = 1024;
  /// Bytes that an overview takes at most, its making included.
  static constexpr std::size_t most_bytes = std::size_t{longest_side} * longest_side * 12;

  /// Reads the slide, unless that would mean to read a large level from end to end: then tissue is shown on
  /// white. `mask` may be null.
  Overview(const Slide& slide, const Mask* mask);
  /// Marks a tile; in level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent);
  /// The picture, rows x cols x 3, 8 bit, RGB.
  const cv::Mat& draw();

 private:
  double scale_ = 1;  // overview pixels per level-0 pixel
  cv::Mat picture_;
  cv::Mat tissue_;  // the mask at the picture's size; empty without one
};

}  // namespace flowrun::wsi
