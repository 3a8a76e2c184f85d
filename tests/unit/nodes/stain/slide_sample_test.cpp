// SPDX-License-Identifier: Apache-2.0
#include "nodes/stain/slide_sample.h"

#include <doctest/doctest.h>
#include <flowrun/wsi/testing.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

using namespace flowrun::wsi;

TEST_CASE("squares are where the mask is, also where a downsample is not quite whole") {
  constexpr int side = 768;
  cv::Mat rgb(side, 4 * side, CV_8UC3, cv::Scalar(240, 238, 241));
  const cv::Scalar colours[] = {{200, 90, 160}, {90, 60, 150}, {190, 120, 180}, {120, 70, 160}};
  for (int i = 0; i < 4; ++i) rgb(cv::Rect(i * side, 0, side, side)) = colours[i];
  const Slide slide = flowrun::testing::fake_slide(rgb);
  constexpr double downsample = 0.3 / 0.1;
  static_assert(downsample < 3);  // 256 pixels of the picture begin at 767.9999999999999 of level 0
  for (int i = 0; i < 4; ++i) {
    Mask mask{cv::Mat::zeros(1, 4, CV_8U), 4 * side, side};
    mask.pixels.at<std::uint8_t>(0, i) = 255;
    const cv::Mat sample = sample_tissue(slide, &mask, {}, {1, downsample, 0});
    CAPTURE(i);
    REQUIRE(sample.size() == cv::Size(256, 256));
    CHECK(cv::norm(cv::mean(sample) - colours[i], cv::NORM_INF) <= 1);
  }
}
