// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string>

namespace flowrun::wsi {

/// A picture of a whole slide to draw on.
struct SlidePicture {
  static constexpr int longest_side = 1024;  ///< pixels at most
  /// Bytes that it takes at most, its making included.
  static constexpr std::size_t most_bytes = std::size_t{longest_side} * longest_side * 12;

  double scale = 1;          ///< of its pixels per level-0 pixel
  cv::Mat rgb;               ///< rows x cols x 3, 8 bit
  std::string problem = {};  ///< why the slide is not shown, though it should be; empty: nothing is wrong
  cv::Mat tissue;            ///< rows x cols x 1, 255 where the mask is; empty without one

  /// Where a square of the slide lies in it; in level-0 pixels.
  cv::Rect square(std::int64_t x, std::int64_t y, double extent) const;
};

/// Reads the slide, unless that would mean to read a large level from end to end, or a part of it is damaged:
/// then tissue is shown on white. `mask` may be null.
SlidePicture picture_of(const Slide& slide, const Mask* mask);

}  // namespace flowrun::wsi
