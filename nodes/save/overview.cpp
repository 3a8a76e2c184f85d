// SPDX-License-Identifier: Apache-2.0
#include "overview.h"

#include <flowrun/wsi/thumbnail.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

const cv::Scalar tile_colour(30, 80, 220), mask_colour(20, 160, 60), tissue_colour(225, 190, 210);

/// Level pixels worth reading for a picture.
constexpr std::int64_t most_level_pixels = std::int64_t{1} << 26;

cv::Mat background(const Slide& slide, cv::Size size, const cv::Mat& tissue) {
  const Level& finest_needed =
      slide.level(slide.level_for(static_cast<double>(slide.level(0).width) / size.width));
  if (finest_needed.width * finest_needed.height <= most_level_pixels) {
    const double downsample = static_cast<double>(slide.level(0).width) / size.width;
    cv::Mat picture = read_thumbnail_rgb(slide, thumbnail_at_downsample(slide, downsample));
    if (picture.size() != size) cv::resize(picture, picture, size, 0, 0, cv::INTER_AREA);
    return picture;
  }
  cv::Mat picture(size, CV_8UC3, cv::Scalar::all(255));
  if (!tissue.empty()) picture.setTo(tissue_colour, tissue);
  return picture;
}

}  // namespace

Overview::Overview(const Slide& slide, const Mask* mask) {
  const Level& whole = slide.level(0);
  // A whole divisor: averaging down by one is several times as fast.
  const std::int64_t longest = std::max(whole.width, whole.height);
  scale_ = 1.0 / static_cast<double>((longest + longest_side - 1) / longest_side);
  const auto side = [&](std::int64_t pixels) {
    return std::max(1, static_cast<int>(static_cast<double>(pixels) * scale_));
  };
  const cv::Size size(side(whole.width), side(whole.height));
  if (mask) cv::resize(mask->pixels, tissue_, size, 0, 0, cv::INTER_NEAREST);
  picture_ = background(slide, size, tissue_);
}

void Overview::add_tile(std::int64_t x, std::int64_t y, double extent) {
  const cv::Point from(static_cast<int>(static_cast<double>(x) * scale_),
                       static_cast<int>(static_cast<double>(y) * scale_));
  const auto side = static_cast<int>(extent * scale_);
  cv::rectangle(picture_, from, from + cv::Point(side, side), tile_colour);
}

const cv::Mat& Overview::draw() {
  if (tissue_.empty()) return picture_;
  cv::Mat outline;
  cv::morphologyEx(tissue_, outline, cv::MORPH_GRADIENT, cv::Mat::ones(3, 3, CV_8UC1));
  picture_.setTo(mask_colour, outline);
  return picture_;
}

}  // namespace flowrun::wsi
