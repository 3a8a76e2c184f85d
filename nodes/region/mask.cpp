// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/mask.h>

#include <algorithm>
#include <opencv2/core.hpp>

namespace flowrun::wsi {

cv::Rect mask_window(cv::Size mask, std::int64_t slide_width, std::int64_t slide_height, std::int64_t x,
                     std::int64_t y, double side) {
  const double fx = static_cast<double>(slide_width) / mask.width;
  const double fy = static_cast<double>(slide_height) / mask.height;
  const auto down = [](double value, int low, int high) {
    return std::clamp(static_cast<int>(value), low, high);
  };
  const int left = down(static_cast<double>(x) / fx, 0, mask.width - 1);
  const int top = down(static_cast<double>(y) / fy, 0, mask.height - 1);
  const int right = down((static_cast<double>(x) + side) / fx, left + 1, mask.width);
  const int bottom = down((static_cast<double>(y) + side) / fy, top + 1, mask.height);
  return {left, top, right - left, bottom - top};
}

double Mask::coverage(std::int64_t x, std::int64_t y, double side) const {
  const cv::Mat window = pixels(mask_window(pixels.size(), slide_width, slide_height, x, y, side));
  return static_cast<double>(cv::countNonZero(window)) / static_cast<double>(window.total());
}

}  // namespace flowrun::wsi
