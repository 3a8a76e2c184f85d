// SPDX-License-Identifier: Apache-2.0
#include "nodes/detect/detect.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "nodes/detect/areas.h"
#include "nodes/detect/thresholds.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

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

TEST_CASE("options of another method and ranges that are none are mistakes") {
  const auto refuse = [](auto change, const char* message) {
    Detect detect;
    change(detect);
    Costs costs;
    CHECK_THROWS_WITH_AS(detect.plan(costs), message, OptionError);
  };
  refuse([](Detect& d) { d.hue = {{1, 2}}; }, "'hue' means nothing to method otsu");
  refuse([](Detect& d) { d.method = "hsv", d.median = 3; }, "'median' means nothing to method hsv");
  refuse([](Detect& d) { d.method = "saturation", d.kernel = 3; },
         "'kernel' means nothing to method saturation");
  refuse([](Detect& d) { d.method = "hsv", d.hue = {{170, 20}}; }, "[170, 20] is no range");
  refuse([](Detect& d) { d.method = "saturation", d.median = 4; }, "4 is even");
  refuse([](Detect& d) { d.remove_ink = {"pink"}; }, "no pen is known as 'pink'");
}

TEST_CASE("small objects go, small holes are filled, and what touches the edge is no hole") {
  cv::Mat mask(40, 40, CV_8UC1, cv::Scalar(0));
  mask(cv::Rect(1, 1, 3, 3)).setTo(255);      // 9 pixels
  mask(cv::Rect(10, 10, 20, 20)).setTo(255);  // 400 pixels with holes of 4 and 25
  mask(cv::Rect(12, 12, 2, 2)).setTo(0);
  mask(cv::Rect(20, 20, 5, 5)).setTo(0);
  mask(cv::Rect(10, 10, 2, 2)).setTo(0);  // a bite out of the corner is no hole
  clean_areas(mask, 10, 10);
  CHECK(cv::countNonZero(mask(cv::Rect(0, 0, 8, 8))) == 0);
  CHECK(mask.at<std::uint8_t>(12, 12) == 255);
  CHECK(mask.at<std::uint8_t>(22, 22) == 0);
  CHECK(mask.at<std::uint8_t>(10, 10) == 0);
  CHECK(cv::countNonZero(mask) == 400 - 25 - 4);
  cv::Mat diagonal = (cv::Mat_<std::uint8_t>(3, 3) << 255, 0, 0, 0, 255, 0, 0, 0, 255);
  clean_areas(diagonal, 3, 0);
  CHECK(cv::countNonZero(diagonal) == 3);  // one object
}
