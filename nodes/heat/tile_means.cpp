// SPDX-License-Identifier: Apache-2.0
#include "tile_means.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {

namespace {

/// Halves of halves have parts of tiles; where there is none, the mean is 0.
cv::Mat means_of(const cv::Mat& sums, const cv::Mat& tiles) {
  constexpr double less_than_any = 1e-9;
  return sums / cv::max(tiles, less_than_any);
}

}  // namespace

TileMeans::TileMeans(cv::Size size)
    : sums_(cv::Mat::zeros(size, CV_32F)), tiles_(cv::Mat::zeros(size, CV_32F)) {}

void TileMeans::add(const cv::Rect& pixels, double value) {
  const cv::Rect tile = pixels & cv::Rect({}, sums_.size());
  sums_(tile) += value;
  tiles_(tile) += 1;
}

TileMeans TileMeans::halved() const {
  const cv::Size half(std::max(1, sums_.cols / 2), std::max(1, sums_.rows / 2));
  const cv::Rect even(0, 0, std::min(sums_.cols, 2 * half.width), std::min(sums_.rows, 2 * half.height));
  const auto of = [&](const cv::Mat& numbers) {
    cv::Mat to;
    cv::resize(numbers(even), to, half, 0, 0, cv::INTER_AREA);
    return to;
  };
  return {of(sums_), of(tiles_)};  // both divided by four
}

std::optional<std::pair<double, double>> TileMeans::range() const {
  const cv::Mat tiles = tiles_ > 0;
  if (cv::countNonZero(tiles) == 0) return {};
  std::pair<double, double> range;
  cv::minMaxLoc(means_of(sums_, tiles_), &range.first, &range.second, nullptr, nullptr, tiles);
  return range;
}

std::pair<cv::Mat, cv::Mat> TileMeans::colours(const cv::Rect& part, double low, double high) const {
  const double scale = 255 / (high - low);
  const cv::Mat tiles = tiles_(part) > 0;
  cv::Mat grey;
  means_of(sums_(part), tiles_(part)).convertTo(grey, CV_8U, scale, -low * scale);
  return {heat_colours(grey), tiles};
}

cv::Mat heat_colours(const cv::Mat& grey) {
  cv::Mat colours;
  cv::applyColorMap(grey, colours, cv::COLORMAP_TURBO);
  cv::cvtColor(colours, colours, cv::COLOR_BGR2RGB);
  return colours;
}

std::array<std::uint8_t, 3> heat_colour(double share) {
  const auto rgb = heat_colours(cv::Mat(1, 1, CV_8U, cv::Scalar(cvRound(255 * share)))).at<cv::Vec3b>(0, 0);
  return {rgb[0], rgb[1], rgb[2]};
}

}  // namespace flowrun::wsi
