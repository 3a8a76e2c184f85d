// SPDX-License-Identifier: Apache-2.0
#include "heat_map.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {

HeatMap::HeatMap(const Slide& slide)
    : picture_(picture_of(slide, nullptr)),
      sums_(cv::Mat::zeros(picture_.rgb.size(), CV_32F)),
      tiles_(cv::Mat::zeros(picture_.rgb.size(), CV_32F)) {}

void HeatMap::add_tile(std::int64_t x, std::int64_t y, double extent, double value) {
  // Tiles beside each other share no row and no column of the picture; a small one has a pixel at least.
  const cv::Point from = picture_.square(x, y, 0).tl();
  const auto end = [&](std::int64_t at) { return std::llround(static_cast<double>(at) + extent); };
  const cv::Point to = picture_.square(end(x), end(y), 0).tl();
  const cv::Rect all({}, sums_.size());
  const cv::Rect tile =
      cv::Rect(from, cv::Size(std::max(1, to.x - from.x), std::max(1, to.y - from.y))) & all;
  sums_(tile) += value;
  tiles_(tile) += 1;
}

std::optional<std::pair<double, double>> HeatMap::range() const {
  const cv::Mat tiles = tiles_ > 0;
  if (cv::countNonZero(tiles) == 0) return {};
  std::pair<double, double> range;
  cv::minMaxLoc(sums_ / cv::max(tiles_, 1), &range.first, &range.second, nullptr, nullptr, tiles);
  return range;
}

cv::Mat HeatMap::draw(double low, double high) const {
  const double scale = 255 / (high - low);
  cv::Mat grey, colours, mixed = picture_.rgb.clone();
  cv::Mat(sums_ / cv::max(tiles_, 1)).convertTo(grey, CV_8U, scale, -low * scale);
  cv::applyColorMap(grey, colours, cv::COLORMAP_TURBO);
  cv::cvtColor(colours, colours, cv::COLOR_BGR2RGB);
  cv::addWeighted(colours, 0.5, mixed, 0.5, 0, colours);
  colours.copyTo(mixed, tiles_ > 0);
  return mixed;
}

}  // namespace flowrun::wsi
