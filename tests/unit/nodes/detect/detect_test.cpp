// SPDX-License-Identifier: Apache-2.0
#include "nodes/detect/detect.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "nodes/detect/tissue.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

TEST_CASE("a mask made band by band equals the one made at once") {
  cv::RNG random(7);
  for (const cv::Size size :
       {cv::Size(1, 1), cv::Size(37, 511), cv::Size(200, 512), cv::Size(64, 513), cv::Size(130, 1700)}) {
    cv::Mat grey(size, CV_8UC1);
    random.fill(grey, cv::RNG::UNIFORM, 0, 256);
    cv::GaussianBlur(grey, grey, {9, 9}, 0);
    cv::Mat expected;
    cv::threshold(grey, expected, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
    const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5});
    cv::morphologyEx(expected, expected, cv::MORPH_OPEN, ellipse);
    cv::morphologyEx(expected, expected, cv::MORPH_CLOSE, ellipse);
    otsu_mask(grey);
    CHECK(cv::norm(grey, expected, cv::NORM_INF) == 0);
  }
}

TEST_CASE("tissue is found where it is dark, at the resolution asked for") {
  testing::NodeRunner<Detect> runner;
  runner.node().mpp = 4;
  runner.input("slide", Slide::open(small_slide(), "s")).process();
  const Mask& mask = runner.output<Mask>("mask");
  CHECK(mask.pixels.cols == 325);
  CHECK(mask.pixels.rows == 238);
  CHECK(mask.slide_width == 2600);
  const double share =
      static_cast<double>(cv::countNonZero(mask.pixels)) / static_cast<double>(mask.pixels.total());
  CHECK(share > 0.1);
  CHECK(share < 0.6);
  CHECK(mask.coverage(0, 0, 40) == 0);
}

TEST_CASE("a resolution given twice is a mistake") {
  Detect detect;
  detect.level = 1;
  detect.mpp = 8;
  Costs costs;
  CHECK_THROWS_AS(detect.plan(costs), OptionError);
}
