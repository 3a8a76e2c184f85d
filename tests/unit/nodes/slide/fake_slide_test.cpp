// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <flowrun/wsi/testing.h>

#include <opencv2/core.hpp>
#include <stdexcept>

using namespace flowrun;
using namespace flowrun::testing;

namespace {

/// 8 x 4 pixels; red counts columns, green rows.
cv::Mat picture() {
  cv::Mat rgb(4, 8, CV_8UC3);
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x)
      rgb.at<cv::Vec3b>(y, x) = cv::Vec3b(static_cast<uchar>(10 * x), static_cast<uchar>(20 * y), 7);
  return rgb;
}

}  // namespace

TEST_CASE("a fake slide has the levels and pixels of its picture") {
  const wsi::Slide slide = fake_slide(picture(), {.name = "case1", .mpp = 0.25, .downsamples = {1, 2}});
  CHECK(slide.facts().name == "case1");
  CHECK(slide.facts().mpp == 0.25);
  REQUIRE(slide.level_count() == 2);
  CHECK(slide.level(1).width == 4);
  CHECK(slide.level(1).height == 2);
  CHECK(slide.level(1).downsample == 2);
  cv::Mat rgb(2, 2, CV_8UC3);
  slide.read(0, 3, 1, rgb);
  CHECK(rgb.at<cv::Vec3b>(1, 1) == cv::Vec3b(40, 40, 7));
  slide.read(1, 1, 0, rgb);  // the mean of columns 2 and 3, rows 0 and 1
  CHECK(rgb.at<cv::Vec3b>(0, 0) == cv::Vec3b(25, 10, 7));
}

TEST_CASE("beyond its edges a fake slide is white") {
  const wsi::Slide slide = fake_slide(picture());
  cv::Mat rgb(3, 3, CV_8UC3, cv::Scalar::all(0));
  slide.read(0, -1, -1, rgb);
  CHECK(rgb.at<cv::Vec3b>(0, 2) == cv::Vec3b::all(255));
  CHECK(rgb.at<cv::Vec3b>(2, 1) == cv::Vec3b(0, 20, 7));
  slide.read(0, 7, 3, rgb);
  CHECK(rgb.at<cv::Vec3b>(0, 0) == cv::Vec3b(70, 60, 7));
  CHECK(rgb.at<cv::Vec3b>(0, 1) == cv::Vec3b::all(255));
  slide.read(0, 100, 0, rgb);
  CHECK(rgb.at<cv::Vec3b>(2, 2) == cv::Vec3b::all(255));
}

TEST_CASE("a fake tile knows its place") {
  const wsi::Tile tile = fake_tile(fake_slide(picture(), {.mpp = 0.5, .downsamples = {1, 2}}), 2, 0, 2, 1);
  CHECK(tile.pixels.at<cv::Vec3b>(0, 0) == cv::Vec3b(25, 10, 7));
  CHECK(tile.x == 2);
  CHECK(tile.level == 1);
  CHECK(tile.extent == 4);
  CHECK(tile.mpp == 1.0);
  CHECK(tile.slide->name == "fake");
}

TEST_CASE("a fake slide fails where a test wants it to") {
  const wsi::Slide slide = fake_slide(picture(), {.problem = "a scratch in the glass"});
  cv::Mat rgb(1, 1, CV_8UC3);
  CHECK_THROWS_WITH_AS(slide.read(0, 0, 0, rgb), "a scratch in the glass", Error);
  CHECK_THROWS_AS(fake_slide(cv::Mat()), std::invalid_argument);
  CHECK_THROWS_AS(fake_slide(picture(), {.downsamples = {1, 5}}), std::invalid_argument);
  CHECK_THROWS_AS(fake_slide(picture(), {.downsamples = {2}}), std::invalid_argument);
}
