// SPDX-License-Identifier: Apache-2.0
#include "overview.h"

#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

const cv::Scalar tile_colour(30, 80, 220), mask_colour(20, 160, 60);

}  // namespace

Overview::Overview(const Slide& slide, const Mask* mask) : picture_(picture_of(slide, mask)) {}

void Overview::add_tile(std::int64_t x, std::int64_t y, double extent) {
  const cv::Rect tile = picture_.square(x, y, extent);
  cv::rectangle(picture_.rgb, tile.tl(), tile.br(), tile_colour);
}

const cv::Mat& Overview::draw() {
  if (picture_.tissue.empty()) return picture_.rgb;
  cv::Mat outline;
  cv::morphologyEx(picture_.tissue, outline, cv::MORPH_GRADIENT, cv::Mat::ones(3, 3, CV_8UC1));
  picture_.rgb.setTo(mask_colour, outline);
  return picture_.rgb;
}

}  // namespace flowrun::wsi
