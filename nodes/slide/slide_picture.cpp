// SPDX-License-Identifier: Apache-2.0
#include "slide_picture.h"

#include <flowrun/wsi/thumbnail.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

const cv::Scalar tissue_colour(225, 190, 210);

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

SlidePicture picture_of(const Slide& slide, const Mask* mask) {
  SlidePicture picture;
  const Level& whole = slide.level(0);
  // A whole divisor: averaging down by one is several times as fast.
  const std::int64_t longest = std::max(whole.width, whole.height);
  constexpr int most = SlidePicture::longest_side;
  picture.scale = 1.0 / static_cast<double>((longest + most - 1) / most);
  const auto side = [&](std::int64_t pixels) {
    return std::max(1, static_cast<int>(static_cast<double>(pixels) * picture.scale));
  };
  const cv::Size size(side(whole.width), side(whole.height));
  if (mask) cv::resize(mask->pixels, picture.tissue, size, 0, 0, cv::INTER_NEAREST);
  picture.rgb = background(slide, size, picture.tissue);
  return picture;
}

cv::Rect SlidePicture::square(std::int64_t x, std::int64_t y, double extent) const {
  const auto side = static_cast<int>(extent * scale);
  return {static_cast<int>(static_cast<double>(x) * scale), static_cast<int>(static_cast<double>(y) * scale),
          side, side};
}

}  // namespace flowrun::wsi
