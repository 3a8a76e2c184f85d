// SPDX-License-Identifier: Apache-2.0
#include "hsv.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

bool is_tinted(const cv::Vec3b& rgb) {
  const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
  return (high < 96 && high - low <= 3) || (high <= 25 && high - low <= 10);
}

}  // namespace

void to_hsv(cv::Mat& rgb) {
  constexpr std::ptrdiff_t least_run = 8;
  for (int row = 0; row < rgb.rows; ++row) {
    auto* const end = rgb.ptr<cv::Vec3b>(row) + rgb.cols;
    for (auto* begin = rgb.ptr<cv::Vec3b>(row); begin != end;) {
      begin = std::find_if(begin, end, is_tinted);
      auto* const after = std::find_if_not(begin, end, is_tinted);
      if (after - begin >= least_run)
        std::for_each(begin, after, [](cv::Vec3b& one) {
          one = cv::Vec3b::all(std::max({one[0], one[1], one[2]}));
        });
      begin = after;
    }
  }
  cv::cvtColor(rgb, rgb, cv::COLOR_RGB2HSV);
}

}  // namespace flowrun::wsi
