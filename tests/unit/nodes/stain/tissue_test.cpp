// SPDX-License-Identifier: Apache-2.0
#include "nodes/stain/tissue.h"

#include <doctest/doctest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "../allocations.h"
#include "stained.h"

using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

constexpr int side = 80;

/// White, with one pixel at (1, 78) that is just as dark as Otsu's threshold: what is darker is tissue.
cv::Mat glass() {
  cv::Mat rgb(side, side, CV_8UC3, cv::Scalar::all(255));
  rgb.at<cv::Vec3b>(78, 1) = cv::Vec3b::all(20);
  return rgb;
}
void darken(cv::Mat& rgb, const cv::Rect& where) {
  rgb(where).setTo(cv::Scalar::all(10));
}

}  // namespace

TEST_CASE("tissue is what is darker than Otsu's threshold, and what is within 2 pixels of that") {
  cv::Mat rgb = glass();
  darken(rgb, {40, 30, 1, 1});
  const cv::Mat tissue = otsu_tissue(rgb);
  REQUIRE(tissue.size() == rgb.size());
  for (int y = 0; y < side; ++y)
    for (int x = 0; x < side; ++x) {
      const int dx = x - 40, dy = y - 30;
      CHECK(tissue.at<std::uint8_t>(y, x) == (dx * dx + dy * dy <= 4 ? 255 : 0));
    }
  CHECK(cv::countNonZero(tissue) == 13);
}

TEST_CASE(
    "a picture of one colour has no tissue: none of it is darker than the threshold, which is that colour") {
  for (const int level : {255, 100, 0})
    CHECK(cv::countNonZero(otsu_tissue(cv::Mat(side, side, CV_8UC3, cv::Scalar::all(level)))) == 0);
}

TEST_CASE("tissue to all edges is all tissue, by the white frame around it") {
  cv::Mat rgb =
      stained_picture(ruifrok, 128) / 2;  // glass there is none; dark and less dark are side by side
  CHECK(cv::countNonZero(otsu_tissue(rgb)) > 0.95 * 128 * 128);
}

TEST_CASE("glass is a hole where it cannot be reached in steps of 10 pixels up or left, 9 down or right") {
  // Walls around a hole of 6 x 6 pixels; dilated by 2 on both sides they are 4 pixels thicker, the hole 2
  // x 2.
  const auto hole = [](int left, int top, int right, int bottom) {
    cv::Mat rgb = glass();
    constexpr int from = 36, size = 6;
    darken(rgb, {from - left, from - top, left + size + right, top + size + bottom});
    rgb(cv::Rect(from, from, size, size)).setTo(cv::Scalar::all(255));
    return otsu_tissue(rgb).at<std::uint8_t>(from + 2, from + 2) == 255 &&
           otsu_tissue(rgb).at<std::uint8_t>(from + 3, from + 3) == 255;
  };
  // As scipy.ndimage.binary_fill_holes has it with a structure of 20 x 20.
  CHECK(hole(8, 8, 8, 8));
  CHECK(hole(5, 8, 8, 8));  // 9 pixels thick, which no step to the right passes
  CHECK(hole(8, 5, 8, 8));
  CHECK(hole(8, 8, 6, 8));  // 10 and to the left
  CHECK(hole(8, 8, 8, 6));
  CHECK_FALSE(hole(4, 8, 8, 8));
  CHECK_FALSE(hole(8, 4, 8, 8));
  CHECK_FALSE(hole(8, 8, 5, 8));
  CHECK_FALSE(hole(8, 8, 8, 5));
}

TEST_CASE("tissue is the same on a picture of more rows than 16 bits count") {
  cv::Mat rgb = glass();
  darken(rgb, {20, 20, 40, 40});
  rgb(cv::Rect(30, 30, 20, 20)).setTo(cv::Scalar::all(255));
  darken(rgb, {60, 60, 15, 15});
  rgb(cv::Rect(66, 66, 3, 3)).setTo(cv::Scalar::all(255));
  cv::Mat tall(70'000, side, CV_8UC3, cv::Scalar::all(255));
  rgb.copyTo(tall.rowRange(0, side));
  const cv::Mat tissue = otsu_tissue(tall);
  CHECK(cv::norm(tissue.rowRange(0, side), otsu_tissue(rgb), cv::NORM_INF) == 0);
  CHECK(cv::countNonZero(tissue.rowRange(side, tall.rows)) == 0);
}

TEST_CASE("tissue takes no more than is said") {
  for (const cv::Size size : {cv::Size(1, 1), cv::Size(16, 16), cv::Size(256, 256), cv::Size(700, 700),
                              cv::Size(256, 256 * 32), cv::Size(256, 100)}) {
    cv::Mat rgb(size, CV_8UC3);
    cv::randn(rgb, 128, 60);
    cv::GaussianBlur(rgb, rgb, {0, 0}, 3);  // islands of tissue, lakes of glass in them
    const Allocations allocations;
    const cv::Mat tissue = otsu_tissue(rgb);
    CAPTURE(size);
    CHECK(allocations.peak() <= 3 * otsu_tissue_plane(rgb.total()) + (std::size_t{64} << 10));
  }
}
