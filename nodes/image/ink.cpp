// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/ink.h>

#include <map>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

/// Hue 0 to 179, saturation and value 0 to 255, as OpenCV counts them; both ends belong to it.
struct HsvRange {
  cv::Scalar low, high;
};

const std::map<std::string, std::vector<HsvRange>>& ranges() {
  static const std::map<std::string, std::vector<HsvRange>> all{
      {"blue", {{{95, 110, 30}, {122, 255, 255}}}},
      {"green", {{{35, 60, 30}, {90, 255, 255}}}},
      {"red", {{{0, 140, 80}, {6, 255, 255}}, {{174, 140, 80}, {179, 255, 255}}}},
      {"black", {{{0, 0, 0}, {179, 255, 50}}}}};
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
  for (const std::string& colour : colours)
    for (const HsvRange& range : ranges().at(colour)) {
      cv::inRange(hsv, range.low, range.high, found);
      ink |= found;
    }
  return ink;
}

}  // namespace flowrun::wsi
