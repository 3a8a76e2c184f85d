// SPDX-License-Identifier: Apache-2.0
#include "thresholds.h"

#include <flowrun/wsi/ink.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <opencv2/imgproc.hpp>

#include "bands.h"
#include "bit_mask.h"
#include "frames.h"
#include "glass_level.h"
#include "histogram.h"
#include "nodes/image/hsv.h"

namespace flowrun::wsi {
namespace {

void paint_glass_white(const Glass& glass, cv::Mat& rgb) {
  if (!glass.ink.empty()) rgb.setTo(cv::Scalar::all(255), find_ink(rgb, glass.ink));
  if (!glass.white && !glass.grey) return;
  for (int row = 0; row < rgb.rows; ++row)
    for (cv::Vec3b *pixel = rgb.ptr<cv::Vec3b>(row), *end = pixel + rgb.cols; pixel != end; ++pixel) {
      const auto [low, high] = std::minmax({(*pixel)[0], (*pixel)[1], (*pixel)[2]});
      if ((glass.white && low >= *glass.white) || (glass.grey && high - low <= *glass.grey))
        *pixel = cv::Vec3b::all(255);
    }
}

void threshold_at(int value, int type, cv::Mat& scores) {
  for_each_band(scores.rows, [&](cv::Range band) {
    cv::Mat part = scores.rowRange(band);
    cv::threshold(part, part, value, 255, type);
  });
}

constexpr int white = 255;
constexpr std::size_t ink_scratch = 5, hsv_scratch = 3;

}  // namespace

Score luma_of(const Glass& glass) {
  if (!glass.any()) return grey_score();
  return {[glass, grey = grey_score()](cv::Mat& rgb, cv::Mat& score) {
            paint_glass_white(glass, rgb);
            grey.of(rgb, score);
          },
          ink_scratch};
}

Score saturation_of(const Glass& glass) {
  return {[glass](cv::Mat& rgb, cv::Mat& score) {
            paint_glass_white(glass, rgb);
            to_hsv(rgb);
            cv::extractChannel(rgb, score, 1);
          },
          ink_scratch + hsv_scratch};
}

Score darkest_of(const Glass& glass) {
  return {[glass](cv::Mat& rgb, cv::Mat& score) {
            paint_glass_white(glass, rgb);
            std::transform(rgb.begin<cv::Vec3b>(), rgb.end<cv::Vec3b>(), score.begin<std::uint8_t>(),
                           [](const cv::Vec3b& pixel) {
                             const auto [low, high] = std::minmax({pixel[0], pixel[1], pixel[2]});
                             return high <= black ? std::uint8_t{0} : std::max(low, std::uint8_t{1});
                           });
          },
          ink_scratch};
}

Score within(const HsvBounds& bounds, const Glass& glass) {
  return {[bounds, glass](cv::Mat& rgb, cv::Mat& score) {
            paint_glass_white(glass, rgb);
            to_hsv(rgb);
            cv::inRange(rgb, bounds.low, bounds.high, score);
          },
          ink_scratch + hsv_scratch};
}

void threshold_dark(cv::Mat& luma, double contrast) {
  const bool framed = mark_frames(luma);
  Histogram counts = histogram(luma);
  if (framed) counts[0] = 0;
  Split split = otsu_split(counts);
  if (split.below >= least_glass_beside_white) {  // what was parted is glass and padding
    std::fill(counts.begin() + least_white, counts.end(), 0.0);
    split = otsu_split(counts);
  }
  const int limit = split.above - split.below >= contrast
                        ? split.threshold
                        : static_cast<int>(std::floor(split.above - contrast));
  if (framed)
    for_each_band(luma.rows, [&](cv::Range band) {
      cv::Mat part = luma.rowRange(band);
      part.setTo(white, part == 0);
    });
  threshold_at(limit, cv::THRESH_BINARY_INV, luma);
}

void threshold_below_glass(cv::Mat& darkest, double contrast) {
  const int limit = below_glass(histogram(darkest), contrast);
  for_each_band(darkest.rows, [&](cv::Range band) {
    cv::Mat part = darkest.rowRange(band);
    cv::inRange(part, 1, limit, part);
  });
}

void threshold_saturated(cv::Mat& saturation, int median, std::optional<int> threshold, int close,
                         double contrast) {
  if (median > 1)
    filter_in_bands(saturation, median / 2, [&](cv::Mat& part) { cv::medianBlur(part, part, median); });
  if (!threshold) {
    const Split split = otsu_split(histogram(saturation));
    threshold = split.above - split.below >= contrast ? split.threshold
                                                      : static_cast<int>(std::ceil(split.below + contrast));
  }
  threshold_at(*threshold, cv::THRESH_BINARY, saturation);
  if (close <= 1) return;
  const cv::Mat square(close, close, CV_8UC1, cv::Scalar(1));
  filter_in_bands(saturation, 2 * close, [&](cv::Mat& part) {
    BitMask bits(part);
    bits.close(square);
    bits.write_to(part);
  });
}

void open_and_close(cv::Mat& mask, int kernel) {
  if (kernel <= 1) return;
  const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {kernel, kernel});
  const int four_steps = 4 * (kernel / 2);
  filter_in_bands(mask, four_steps, [&](cv::Mat& part) {
    BitMask bits(part);
    bits.open(ellipse);
    bits.close(ellipse);
    bits.write_to(part);
  });
}

std::size_t mask_scratch(int rows, int cols, int kernel) {
  constexpr int least = 16;  // bytes of a row of a BitMask
  return bands_scratch(rows, std::max(cols, least), 2 * kernel);
}
std::size_t most_mask_scratch(std::size_t pixels, int kernel) {
  return most_bands_scratch(pixels, 2 * kernel);
}

}  // namespace flowrun::wsi
