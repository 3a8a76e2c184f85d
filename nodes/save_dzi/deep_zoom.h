// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <opencv2/core/types.hpp>
#include <string>

namespace flowrun::wsi {

/// How a DeepZoom image is cut: level 0 is 1 x 1 pixel, each further level twice as large, the last the whole
/// picture; tiles show `overlap` pixels of each neighbour.
struct DeepZoom {
  cv::Size size;  ///< of the last level
  int tile = 254;
  int overlap = 1;

  int last_level() const {
    return std::bit_width(static_cast<unsigned>(std::max(size.width, size.height)) - 1);
  }
  /// Sides are rounded up.
  cv::Size size_of(int level) const {
    const int shift = last_level() - level;
    const auto side = [shift](std::int64_t whole) {
      return static_cast<int>((whole + (std::int64_t{1} << shift) - 1) >> shift);
    };
    return {side(size.width), side(size.height)};
  }
  std::int64_t pixels(int level) const { return std::int64_t{size_of(level).width} * size_of(level).height; }
  int columns(int level) const { return (size_of(level).width + tile - 1) / tile; }
  int rows(int level) const { return (size_of(level).height + tile - 1) / tile; }
  /// Pixels of the level that a tile shows.
  cv::Rect window(int level, int column, int row) const {
    const cv::Point corner(column * tile, row * tile), rim(overlap, overlap);
    const cv::Point end = corner + cv::Point(tile, tile);
    return cv::Rect(corner - rim, end + rim) & cv::Rect({}, size_of(level));
  }
  /// The content of NAME.dzi. `format`: the tiles' file extension.
  std::string descriptor(const std::string& format) const;
};

}  // namespace flowrun::wsi
