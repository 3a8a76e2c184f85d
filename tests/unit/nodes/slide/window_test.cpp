// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/testing.h>
#include <flowrun/wsi/tile.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "nodes/extract/extract.h"
#include "nodes/slide/samples.h"
#include "nodes/slide/sampling.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

constexpr double steepest = 4;  // grey levels from one pixel to the next

/// Waves across and down, dark enough that background would show.
double wave(double x, double y) {
  return 80 + 30 * std::sin(x / 9) + 10 * std::cos(y / 15);
}

cv::Mat waves(int width, int height) {
  cv::Mat rgb(height, width, CV_8UC3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      rgb.at<cv::Vec3b>(y, x) = cv::Vec3b::all(cv::saturate_cast<std::uint8_t>(wave(x, y)));
  return rgb;
}

/// The mean of the picture over a rectangle whose edges lie anywhere, in double.
double mean(const cv::Mat& rgb, double left, double top, double right, double bottom) {
  double sum = 0;
  const auto overlap = [](double from, double to, int pixel) {
    return std::max(0.0, std::min(to, pixel + 1.0) - std::max(from, static_cast<double>(pixel)));
  };
  for (int y = static_cast<int>(top); y < std::min(rgb.rows, static_cast<int>(std::ceil(bottom))); ++y)
    for (int x = static_cast<int>(left); x < std::min(rgb.cols, static_cast<int>(std::ceil(right))); ++x)
      sum += rgb.at<cv::Vec3b>(y, x)[0] * overlap(left, right, x) * overlap(top, bottom, y);
  return sum / ((right - left) * (bottom - top));
}

/// The largest difference of any pixel of any tile from the area average of what it stands for.
double worst(const cv::Mat& picture, double ratio, int size, const char* edge) {
  testing::NodeRunner<Extract> runner;
  runner.node().size = size;
  runner.node().mpp = ratio;
  runner.node().mpp_tolerance = 0;
  runner.node().edge = edge;
  runner.input("slide", testing::fake_slide(picture, {.mpp = 1})).process();
  REQUIRE(runner.emitted("tile") > 0);
  double difference = 0;
  const int pixels = static_cast<int>(picture.cols / ratio + 1e-9);
  for (std::size_t i = 0; i < runner.emitted("tile"); ++i) {
    const Tile& tile = runner.output<Tile>("tile", i);
    CHECK(*tile.mpp == doctest::Approx(ratio));
    // Where the grid has it: whole tiles, or the last that fits.
    const auto place = [&](std::int64_t at) {
      const auto number = static_cast<int>(std::lround(static_cast<double>(at) / ratio));
      const int on_grid = static_cast<int>(std::lround(number / static_cast<double>(size))) * size;
      return std::abs(number - on_grid) <= 1 && on_grid + size <= pixels ? on_grid : pixels - size;
    };
    const int left = place(tile.x), top = place(tile.y);
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size; ++x) {
        const double expected = mean(picture, (left + x) * ratio, (top + y) * ratio, (left + x + 1) * ratio,
                                     (top + y + 1) * ratio);
        difference = std::max(difference, std::abs(tile.pixels.at<cv::Vec3b>(y, x)[0] - expected));
      }
  }
  return difference;
}

}  // namespace

TEST_CASE("windows at ratios that are no whole numbers are off by a pixel at most, and show no background") {
  // 678 * 1.25 = 847.5 and 122 * 1.25 = 152.5: rounded on their own they reach over 1000.
  for (const char* edge : {"drop", "shift"}) {
    CAPTURE(edge);
    CHECK(worst(waves(1000, 1000), 1.25, 122, edge) <= steepest + 1);
    CHECK(worst(waves(333, 333), 1.5, 37, edge) <= steepest + 1);
    CHECK(worst(waves(501, 501), 1.1, 45, edge) <= steepest + 1);
    CHECK(worst(waves(460, 460), 1.0952380952380953, 42, edge) <= steepest + 1);
    CHECK(worst(waves(400, 400), 2, 50, edge) <= 0.5);
  }
}

TEST_CASE("every ratio, size and side: a tile within the slide has a window within the level") {
  int moved = 0, outside = 0;
  for (int side = 90; side < 130; ++side)
    for (int size = 5; size < 40; size += 3)
      for (double ratio = 1; ratio < 3; ratio += 0.0625) {
        const auto slide = testing::fake_slide(cv::Mat(side, side, CV_8UC3, cv::Scalar::all(9)), {.mpp = 1});
        Grid grid(slide, {0, ratio}, size, size, Edge::shift);
        while (const auto cell = grid.next())
          outside += cell->column < 0 || cell->column + grid.window() > side;
        const double last = std::floor(side / ratio) - size;
        moved += last >= 0 && std::llround(last * ratio) + std::lround(size * ratio) > side;
      }
  CHECK(outside == 0);
  CHECK(moved > 50);  // by which rounding alone would have reached over the edge
}

TEST_CASE("a tile at the edge of a slide whose levels are rounded down stays on the level") {
  const auto slide = testing::fake_slide(waves(1001, 1001), {.downsamples = {1, 2}});  // level 1: 500 x 500
  Samples::Row row;
  row.x = 985;
  row.y = 0;
  row.extent = 16;
  const SlideWindow window = window_of(slide, row, 8);
  CHECK(window.level == 1);
  CHECK(window.column == 492);  // 492.5, and 8 pixels
  row.x = 990;                  // reaches over the slide's edge: what is beyond is background
  CHECK(window_of(slide, row, 8).column == 495);
  const Grid grid(slide, Sampling::at_level(slide, 1), 8, 8, Edge::drop);
  CHECK(grid.at(985, 0).column == 492);
  CHECK(grid.at(990, 0).column == 495);
}

TEST_CASE("an MPP is near enough to a level's within the tolerance") {
  const auto slide_of = [](double mpp) {
    return testing::fake_slide(cv::Mat(400, 400, CV_8UC3, cv::Scalar::all(9)),
                               {.mpp = mpp, .downsamples = {1, 4}});
  };
  const auto at = [&](double own, double asked, double tolerance) {
    return Sampling::at_mpp(slide_of(own), asked, tolerance);
  };
  for (const double own : {0.245, 0.25, 0.2525, 0.255}) {
    CHECK(at(own, 0.25, 0.02).ratio == 1);
    CHECK(at(own, 0.25, 0.02).level == 0);
    CHECK(at(own, 1.0, 0.02).ratio == 1);
    CHECK(at(own, 1.0, 0.02).level == 1);
  }
  CHECK_THROWS_WITH_AS(at(0.2551, 0.25, 0.02), doctest::Contains("the slide's finest level has 0.2551"),
                       Error);
  CHECK_THROWS_AS(at(0.2501, 0.25, 0), Error);
  CHECK(at(0.2551, 0.25, 0.03).ratio == 1);
  CHECK(at(0.244, 0.25, 0.02).ratio == doctest::Approx(0.25 / 0.244));
  CHECK(at(0.2525, 1.0, 0.005).ratio == doctest::Approx(1 / 0.2525));  // level 1 is coarser: from level 0
  CHECK(at(0.2525, 1.0, 0.005).level == 0);
  testing::NodeRunner<Extract> runner;
  runner.node().size = 50;
  runner.node().mpp = 0.25;
  runner.input("slide", slide_of(0.2525)).process();
  CHECK(*runner.output<Tile>("tile").mpp == doctest::Approx(0.2525));
  CHECK(runner.output<Tile>("tile", 1).x == 50);
}
