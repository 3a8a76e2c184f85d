// SPDX-License-Identifier: Apache-2.0
#include "tissue.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

constexpr int pixels_at_once = 1024;
constexpr int least_light = 204;  // 80 % of 255 steps: from there on it is glass

using Counts = std::array<std::uint64_t, 256>;

int level_at(const Counts& counts, std::uint64_t rank) {
  int level = 0;
  for (std::uint64_t before = 0; before + counts[static_cast<std::size_t>(level)] <= rank; ++level)
    before += counts[static_cast<std::size_t>(level)];
  return level;
}

/// Linear between two neighbours, as NumPy has it.
double percentile(const Counts& counts, std::uint64_t all, double percent) {
  const double at = percent / 100 * static_cast<double>(all - 1);
  const auto rank = static_cast<std::uint64_t>(at);
  const int lower = level_at(counts, rank), upper = level_at(counts, std::min(rank + 1, all - 1));
  return lower + (at - static_cast<double>(rank)) * (upper - lower);
}

/// What each grey level becomes: 1 x 256, 8 bit.
cv::Mat stretching(const cv::Mat& rgb) {
  Counts counts{};
  for (int y = 0; y < rgb.rows; ++y)
    for (const std::uint8_t *p = rgb.ptr(y), *const end = p + 3L * rgb.cols; p < end; ++p) ++counts[*p];
  const std::uint64_t all = rgb.total() * 3;
  double low = percentile(counts, all, 2), high = percentile(counts, all, 98);
  if (low >= high) low = level_at(counts, 0), high = level_at(counts, all - 1);
  cv::Mat table(1, 256, CV_8U);
  for (int level = 0; level < 256; ++level)
    table.data[level] =
        low >= high ? static_cast<std::uint8_t>(level)
                    : static_cast<std::uint8_t>(std::clamp((level - low) / (high - low), 0.0, 1.0) * 255);
  return table;
}

}  // namespace

cv::Mat dark_pixels(const cv::Mat& rgb) {
  if (rgb.empty()) return {};
  const cv::Mat table = stretching(rgb);
  cv::Mat found(1, static_cast<int>(rgb.total()), CV_8UC3);
  int count = 0;
  std::array<std::uint8_t, 3 * pixels_at_once> first, second;
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; x += pixels_at_once) {
      const cv::Mat pixels = rgb(cv::Range(y, y + 1), cv::Range(x, std::min(rgb.cols, x + pixels_at_once)));
      cv::Mat stretched(pixels.size(), CV_8UC3, first.data()), lab(pixels.size(), CV_8UC3, second.data());
      cv::LUT(pixels, table, stretched);
      cv::cvtColor(stretched, lab, cv::COLOR_RGB2Lab);
      for (int i = 0; i < pixels.cols; ++i)
        if (lab.at<cv::Vec3b>(i)[0] < least_light) found.at<cv::Vec3b>(count++) = pixels.at<cv::Vec3b>(i);
    }
  return found.colRange(0, count);
}

}  // namespace flowrun::wsi
