// SPDX-License-Identifier: Apache-2.0
#include "slide_picture.h"

#include <flowrun/error.h>
#include <flowrun/wsi/thumbnail.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

const cv::Scalar tissue_colour(225, 190, 210);

/// Level pixels worth reading for a picture.
constexpr std::int64_t most_level_pixels = std::int64_t{1} << 26;

bool is_worth_reading(const Slide& slide, double downsample) {
  const Level& needed = slide.level(slide.level_for(downsample));
  return needed.width * needed.height <= most_level_pixels;
}

cv::Mat slide_at(const Slide& slide, cv::Size size, double downsample) {
  cv::Mat picture = read_thumbnail_rgb(slide, thumbnail_at_downsample(slide, downsample));
  if (picture.size() != size) cv::resize(picture, picture, size, 0, 0, cv::INTER_AREA);
  return picture;
}

cv::Mat tissue_on_white(cv::Size size, const cv::Mat& tissue) {
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
  const double downsample = static_cast<double>(whole.width) / size.width;
  if (is_worth_reading(slide, downsample)) try {
      picture.rgb = slide_at(slide, size, downsample);
    } catch (const Error& problem) {  // a damaged tile costs its tile, not the slide
      picture.problem = problem.what();
    }
  if (picture.rgb.empty()) picture.rgb = tissue_on_white(size, picture.tissue);
  return picture;
}

cv::Rect SlidePicture::square(std::int64_t x, std::int64_t y, double extent) const {
  const auto side = static_cast<int>(extent * scale);
  return {static_cast<int>(static_cast<double>(x) * scale), static_cast<int>(static_cast<double>(y) * scale),
          side, side};
}

}  // namespace flowrun::wsi
