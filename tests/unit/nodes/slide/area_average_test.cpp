// SPDX-License-Identifier: Apache-2.0
#include "nodes/slide/area_average.h"

#include <doctest/doctest.h>
#include <flowrun/wsi/testing.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/slide/picture.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

cv::Mat noise(int cols, int rows) {
  cv::Mat rgb(rows, cols, CV_8UC3);
  cv::RNG random(7);
  random.fill(rgb, cv::RNG::UNIFORM, 0, 256);
  return rgb;
}

/// The integral of a picture up to a point, from sums of whole pixels: between them it is bilinear.
cv::Vec3d integral_to(const cv::Mat& sums, double x, double y) {
  const int col = std::min(static_cast<int>(x), sums.cols - 2),
            row = std::min(static_cast<int>(y), sums.rows - 2);
  const double u = x - col, v = y - row;
  const auto at = [&](int r, int c) { return sums.at<cv::Vec3d>(r, c); };
  return (1 - v) * ((1 - u) * at(row, col) + u * at(row, col + 1)) +
         v * ((1 - u) * at(row + 1, col) + u * at(row + 1, col + 1));
}

/// Largest difference to the mean of the area that each pixel shows.
double mean_difference(const cv::Mat& made, const cv::Mat& fine) {
  cv::Mat sums;
  cv::integral(fine, sums, CV_64F);
  const double sx = static_cast<double>(fine.cols) / made.cols,
               sy = static_cast<double>(fine.rows) / made.rows;
  double worst = 0;
  for (int row = 0; row < made.rows; ++row)
    for (int col = 0; col < made.cols; ++col) {
      const auto corner = [&](int right, int below) {
        return integral_to(sums, (col + right) * sx, (row + below) * sy);
      };
      const cv::Vec3d mean = (corner(1, 1) - corner(0, 1) - corner(1, 0) + corner(0, 0)) / (sx * sy);
      for (int i = 0; i < 3; ++i)
        worst = std::max(worst, std::abs(mean[i] - made.at<cv::Vec3b>(row, col)[i]));
    }
  return worst;
}

}  // namespace

TEST_CASE("large windows are averaged by area, in blocks that fit together") {
  const cv::Mat rgb = noise(2400, 2300);
  const Slide slide = testing::fake_slide(rgb);
  for (const cv::Size size : {cv::Size(37, 29), {500, 450}, {2399, 1200}, {1, 1}}) {
    CAPTURE(size.width);
    const cv::Rect window(11, 17, 2380, 2280);
    cv::Mat made(size, CV_8UC3);
    read_area_average(slide, 0, window.x, window.y, window.size(), made);
    CHECK(mean_difference(made, rgb(window)) <= 0.5 + 1e-6);
  }
}

TEST_CASE("beyond the slide's edge the background counts") {
  const Slide slide = testing::fake_slide(cv::Mat(1000, 1000, CV_8UC3, cv::Scalar::all(55)));
  cv::Mat made(2, 2, CV_8UC3);
  read_area_average(slide, 0, 500, 500, {1000, 1000}, made);
  CHECK(made.at<cv::Vec3b>(0, 0) == cv::Vec3b::all(55));
  CHECK(made.at<cv::Vec3b>(1, 1) == cv::Vec3b::all(255));
}

TEST_CASE("a window of any size is read in bounded memory, and is the same whichever way") {
  CHECK(read_scaled_bytes({30000, 30000}, {512, 512}) < (std::size_t{4} << 20));
  CHECK(read_scaled_bytes({2048, 2048}, {512, 512}) <= read_scaled_bytes());
  const cv::Mat rgb = noise(2100, 2100);
  const Slide slide = testing::fake_slide(rgb);
  cv::Mat made(700, 700, CV_8UC3), expected;
  read_scaled(slide, 0, 0, 0, {2100, 2100}, made);
  cv::resize(rgb, expected, made.size(), 0, 0, cv::INTER_AREA);
  CHECK(cv::norm(made, expected, cv::NORM_INF) <= 1);
}
