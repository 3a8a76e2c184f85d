// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/mask.h>

#include <algorithm>
#include <opencv2/core.hpp>

namespace flowrun::wsi {

double Mask::coverage(std::int64_t x, std::int64_t y, double size) const {
  const double fx = static_cast<double>(slide_width) / pixels.cols;
  const double fy = static_cast<double>(slide_height) / pixels.rows;
  const auto down = [](double value, int low, int high) {
    return std::clamp(static_cast<int>(value), low, high);
  };
  const int left = down(static_cast<double>(x) / fx, 0, pixels.cols - 1);
  const int top = down(static_cast<double>(y) / fy, 0, pixels.rows - 1);
  const int right = down((static_cast<double>(x) + size) / fx, 0, pixels.cols);
  const int bottom = down((static_cast<double>(y) + size) / fy, 0, pixels.rows);
  const cv::Mat window =
      pixels(cv::Range(top, std::max(bottom, top + 1)), cv::Range(left, std::max(right, left + 1)));
  return static_cast<double>(cv::countNonZero(window)) / static_cast<double>(window.total());
}

}  // namespace flowrun::wsi
