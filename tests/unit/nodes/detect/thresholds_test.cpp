// SPDX-License-Identifier: Apache-2.0
#include "nodes/detect/thresholds.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/detect/bit_mask.h"
#include "nodes/detect/histogram.h"

using namespace flowrun::wsi;

namespace {

cv::Mat noise(cv::Size size, int blur, cv::RNG& random) {
  cv::Mat grey(size, CV_8UC1);
  random.fill(grey, cv::RNG::UNIFORM, 0, 256);
  if (blur > 0) cv::GaussianBlur(grey, grey, {blur, blur}, 0);
  return grey;
}

/// Noise with squares larger than the kernel, one below the other: in its left half white ones, which opening
/// leaves, in its right half black ones, which closing leaves.
cv::Mat structures(cv::Size size, int kernel, cv::RNG& random) {
  cv::Mat mask = noise(size, 7, random) > 120;
  const int width = size.width / 2, side = std::min({kernel + 2, width, size.height});
  if (side < 1) return mask;
  for (int top = 0; top + side <= size.height; top += side + random.uniform(1, side + 1))
    for (const int half : {0, 1}) {
      const int left = half * width + random.uniform(0, width - side + 1);
      mask(cv::Rect(left, top, side, side)).setTo(half == 0 ? 255 : 0);
    }
  return mask;
}

bool equal(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF) == 0;
}

}  // namespace

TEST_CASE("a mask made band by band equals the one made at once") {
  cv::RNG random(7);
  for (const cv::Size size :
       {cv::Size(1, 1), cv::Size(37, 511), cv::Size(200, 512), cv::Size(64, 513), cv::Size(130, 1700)})
    for (const int kernel : {2, 3, 4, 5, 8, 21, 63}) {
      CAPTURE(size.height);
      CAPTURE(kernel);
      cv::Mat grey = noise(size, 9, random), expected;
      cv::threshold(grey, expected, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
      const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {kernel, kernel});
      cv::morphologyEx(expected, expected, cv::MORPH_OPEN, ellipse);
      cv::morphologyEx(expected, expected, cv::MORPH_CLOSE, ellipse);
      threshold_dark(grey, 0);
      open_and_close(grey, kernel);
      CHECK(equal(grey, expected));
      cv::Mat mask = structures(size, kernel, random);
      cv::morphologyEx(mask, expected, cv::MORPH_OPEN, ellipse);
      cv::morphologyEx(expected, expected, cv::MORPH_CLOSE, ellipse);
      open_and_close(mask, kernel);
      CHECK(equal(mask, expected));
    }
}

TEST_CASE("a saturated mask made band by band equals the one made at once") {
  cv::RNG random(8);
  for (const cv::Size size : {cv::Size(1, 1), cv::Size(37, 511), cv::Size(65, 300)})
    for (const int close : {0, 2, 4, 7, 63}) {
      CAPTURE(size.height);
      CAPTURE(close);
      cv::Mat saturation = noise(size, 5, random), expected;
      cv::medianBlur(saturation, expected, 7);
      cv::threshold(expected, expected, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
      if (close > 1)
        cv::morphologyEx(expected, expected, cv::MORPH_CLOSE, cv::Mat(close, close, CV_8UC1, cv::Scalar(1)));
      threshold_saturated(saturation, 7, {}, close, 0);
      CHECK(equal(saturation, expected));
    }
}

TEST_CASE("masks of bits open and close as those of bytes, for each kernel and width") {
  cv::RNG random(9);
  constexpr int rows = 90;
  for (int kernel = 1; kernel <= 63; ++kernel)
    for (const int shape : {cv::MORPH_ELLIPSE, cv::MORPH_RECT})
      for (const int cols : {1, 2, 63, 64, 65, 127, 128, 129, 200}) {
        CAPTURE(kernel);
        CAPTURE(shape);
        CAPTURE(cols);
        const cv::Mat mask = structures({cols, rows}, kernel, random);
        const cv::Mat element = cv::getStructuringElement(shape, {kernel, kernel});
        cv::Mat opened, closed, bytes(mask.size(), CV_8UC1);
        cv::morphologyEx(mask, opened, cv::MORPH_OPEN, element);
        cv::morphologyEx(mask, closed, cv::MORPH_CLOSE, element);
        BitMask to_open(mask), to_close(mask);
        to_open.open(element);
        to_open.write_to(bytes);
        CHECK(equal(bytes, opened));
        to_close.close(element);
        to_close.write_to(bytes);
        CHECK(equal(bytes, closed));
        if (cols >= 2 * (kernel + 2)) {  // otherwise there may be nothing left to compare
          CHECK(cv::countNonZero(opened) > 0);
          CHECK(cv::countNonZero(closed) < cols * rows);
        }
      }
}

TEST_CASE("Otsu's threshold parts pixels as OpenCV does") {
  cv::RNG random(10);
  for (int round = 0; round < 300; ++round) {
    cv::Mat grey = noise({random.uniform(1, 300), random.uniform(1, 300)},
                         round % 4 == 0 ? 0 : 2 * (round % 9) + 1, random);
    if (round % 3 == 0) grey = grey / 3;
    if (round % 5 == 0) grey.rowRange(0, grey.rows / 2).setTo(random.uniform(0, 256));
    if (round % 50 == 0) grey.setTo(random.uniform(0, 256));
    cv::Mat expected;
    cv::threshold(grey, expected, 0, 255, cv::THRESH_BINARY | cv::THRESH_OTSU);
    CAPTURE(round);
    CHECK(equal(grey > otsu_split(histogram(grey)).threshold, expected));
  }
}
