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

  explicit Overview(const Slide& slide);
  /// Marks a tile; in level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent);
  /// The picture, rows x cols x 3, 8 bit, RGB. `mask` may be null. Reads the slide, unless that would mean to
  /// read a large level from end to end: then tissue is shown on white.
  cv::Mat draw(const Slide& slide, const Mask* mask) const;

 private:
  double scale_ = 1;  // overview pixels per level-0 pixel
  cv::Mat tiles_;     // rows x cols x 1: where outlines of tiles are
};

}  // namespace flowrun::wsi
