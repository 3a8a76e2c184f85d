// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "nodes/slide/slide_picture.h"

namespace flowrun::wsi {

/// A picture of a slide on which the kept tiles are drawn in blue and the outline of the tissue mask in
/// green. Not thread-safe.
class Overview {
 public:
  static constexpr std::size_t most_bytes = SlidePicture::most_bytes;

  /// `mask` may be null.
  Overview(const Slide& slide, const Mask* mask);
  /// Marks a tile; in level-0 pixels.
  void add_tile(std::int64_t x, std::int64_t y, double extent);
  /// The picture, rows x cols x 3, 8 bit, RGB.
  const cv::Mat& draw();

  /// See SlidePicture::problem.
  const std::string& problem() const { return picture_.problem; }

 private:
  SlidePicture picture_;
};

}  // namespace flowrun::wsi
