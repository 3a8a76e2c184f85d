// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string_view>

namespace flowrun::wsi {

/// The pixels of a mask over a whole slide that show the square which begins at level-0 pixel (x, y) and is
/// `side` level-0 pixels wide: edges are rounded down to mask pixels, and there is at least one.
cv::Rect mask_window(cv::Size mask, std::int64_t slide_width, std::int64_t slide_height, std::int64_t x,
                     std::int64_t y, double side);

/// A tissue mask over a whole slide: rows x cols x 1, 8 bit, 255 where there is tissue, else 0. Its pixels
/// are level-0 pixels of the slide scaled to cols x rows.
struct Mask {
  static constexpr std::string_view packet_type = "wsi.mask/1";

  cv::Mat pixels;
  std::int64_t slide_width =
      0;  ///< level-0 pixels that it covers, the slide's but for part of a mask's pixel
  std::int64_t slide_height = 0;  ///< likewise

  /// The share of tissue, 0 to 1, in mask_window(x, y, side).
  double coverage(std::int64_t x, std::int64_t y, double side) const;
};

}  // namespace flowrun::wsi
