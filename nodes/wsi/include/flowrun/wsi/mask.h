// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <string_view>

namespace flowrun::wsi {

/// A tissue mask over a whole slide: rows x cols x 1, 8 bit, 255 where there is tissue, else 0. Its pixels
/// are level-0 pixels of the slide scaled to cols x rows.
struct Mask {
  static constexpr std::string_view packet_type = "wsi.mask/1";

  cv::Mat pixels;
  std::int64_t slide_width = 0;   ///< level-0 pixels
  std::int64_t slide_height = 0;  ///< level-0 pixels

  /// The share of tissue, 0 to 1, in the rectangle that begins at level-0 pixel (x, y) and is `size` level-0
  /// pixels wide and high; edges are rounded down to mask pixels, and at least one mask pixel counts.
  double coverage(std::int64_t x, std::int64_t y, double size) const;
};

}  // namespace flowrun::wsi
