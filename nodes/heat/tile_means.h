// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <utility>

namespace flowrun::wsi {

/// Numbers of tiles in a grid of pixels: each pixel has the mean of the tiles that cover it. Not thread-safe.
class TileMeans {
 public:
  static constexpr std::size_t bytes_per_pixel = 2 * sizeof(float);

  explicit TileMeans(cv::Size size);
  /// What lies outside is left out.
  void add(const cv::Rect& pixels, double value);

  cv::Size size() const { return sums_.size(); }
  /// Half the size, rounded down but at least 1: of each 2 x 2 pixels the mean of all their tiles.
  TileMeans halved() const;
  /// The least and the greatest mean; nothing when there is no tile.
  std::optional<std::pair<double, double>> range() const;
  /// Of a part within the grid, rows x cols x 3, 8 bit, RGB, for numbers up to `low` the first of
  /// heat_colours(), from `high` on the last; and 255 where there are tiles (rows x cols x 1).
  std::pair<cv::Mat, cv::Mat> colours(const cv::Rect& part, double low, double high) const;

 private:
  TileMeans(cv::Mat sums, cv::Mat tiles) : sums_(std::move(sums)), tiles_(std::move(tiles)) {}

  cv::Mat sums_, tiles_;  // by pixel, float
};

/// Grey (8 bit) as colours, RGB: from blue to red, with yellow and green between (turbo: Mikhailov 2019, as
/// OpenCV has it).
cv::Mat heat_colours(const cv::Mat& grey);
/// Of one number from 0 to 1.
std::array<std::uint8_t, 3> heat_colour(double share);

}  // namespace flowrun::wsi
