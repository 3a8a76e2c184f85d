// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/ink.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <map>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

/// Hue 0 to 179, saturation and value 0 to 255, as OpenCV counts them; both ends belong to it.
struct HsvRange {
  cv::Scalar low, high;
};

/// Optical density of a grey level.
float density(std::uint8_t level) {
  static const auto table = [] {
    std::array<float, 256> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = std::log(256 / static_cast<float>(i + 1));
    return all;
  }();
  return table[level];
}

/// The dye of a pen lets one part of the light through, and stops another; stains stop some of each, the more
/// the darker they are.
template <int passed, int stopped>
bool lets_through(const cv::Vec3b& rgb, float most) {
  return density(rgb[passed]) < most * density(rgb[stopped]);
}
bool is_neutral(const cv::Vec3b& rgb) {
  const auto [low, high] = std::minmax({rgb[0], rgb[1], rgb[2]});
  return high - low <= 15;
}

struct Ink {
  std::vector<HsvRange> ranges;
  bool (*is_pure)(const cv::Vec3b& rgb);  // what stains of the same hue are not
};

const std::map<std::string, Ink>& inks() {
  static const std::map<std::string, Ink> all{
      {"blue",
       {{{{95, 110, 30}, {122, 255, 255}}},
        [](const cv::Vec3b& rgb) { return lets_through<2, 0>(rgb, 0.25F); }}},
      {"green",
       {{{{35, 80, 30}, {85, 255, 255}}},
        [](const cv::Vec3b& rgb) { return lets_through<1, 0>(rgb, 0.5F); }}},
      {"red",
       {{{{0, 140, 80}, {6, 255, 255}}, {{174, 140, 80}, {179, 255, 255}}},
        [](const cv::Vec3b& rgb) { return lets_through<0, 1>(rgb, 0.15F); }}},
      {"black", {{{{0, 0, 0}, {179, 255, 50}}}, &is_neutral}}};
  return all;
}

}  // namespace

const std::vector<std::string>& ink_colours() {
  static const std::vector<std::string> names{"blue", "green", "red", "black"};
  return names;
}

cv::Mat find_ink(const cv::Mat& rgb, const std::vector<std::string>& colours) {
  cv::Mat hsv, ink(rgb.size(), CV_8UC1, cv::Scalar(0)), found;
  cv::cvtColor(rgb, hsv, cv::COLOR_RGB2HSV);
  for (const std::string& colour : colours) {
    const Ink& one = inks().at(colour);
    for (const HsvRange& range : one.ranges) {
      cv::inRange(hsv, range.low, range.high, found);
      for (int y = 0; y < rgb.rows; ++y)
        for (int x = 0; x < rgb.cols; ++x)
          if (found.at<std::uint8_t>(y, x) != 0 && one.is_pure(rgb.at<cv::Vec3b>(y, x)))
            ink.at<std::uint8_t>(y, x) = 255;
    }
  }
  return ink;
}

}  // namespace flowrun::wsi
