// SPDX-License-Identifier: Apache-2.0
#include "nodes/extract/extract.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/tile.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

Slide slide() {
  return Slide::open(small_slide(), "s");
}  // 2600 x 1900, 0.5 microns, levels 1 and 4

std::unique_ptr<testing::NodeRunner<Extract>> tiles_of(const Extract& options) {
  auto runner = std::make_unique<testing::NodeRunner<Extract>>();
  runner->node() = options;
  runner->input("slide", slide()).generate();
  return runner;
}

}  // namespace

TEST_CASE("tiles lie on a grid, row by row; those over the edge are dropped") {
  const auto runner = tiles_of({});
  REQUIRE(runner->emitted("tile") == 5 * 3);
  const Tile& seventh = runner->output<Tile>("tile", 6);
  CHECK(seventh.x == 512);
  CHECK(seventh.y == 512);
  CHECK(seventh.mpp == 0.5);
  CHECK(!seventh.coverage);
  cv::Mat expected(512, 512, CV_8UC3);
  slide().read(0, 512, 512, expected);
  CHECK(cv::norm(seventh.pixels, expected, cv::NORM_INF) == 0);
}

TEST_CASE("or padded with the background") {
  Extract options;
  options.edge = "pad";
  options.stride = 400;
  const auto runner = tiles_of(options);
  REQUIRE(runner->emitted("tile") == 7 * 5);
  const Tile& last = runner->output<Tile>("tile", 34);
  CHECK(last.x == 2400);
  CHECK(last.y == 1600);
  CHECK(last.pixels.at<cv::Vec3b>(511, 511) == cv::Vec3b(255, 255, 255));
  CHECK(last.pixels.at<cv::Vec3b>(10, 210) == cv::Vec3b(255, 255, 255));
  CHECK(last.pixels.at<cv::Vec3b>(10, 190) != cv::Vec3b(255, 255, 255));
}

TEST_CASE("at an MPP of its own a level is read as it is, between levels the finer one is averaged down") {
  Extract options;
  options.size = 100;
  options.mpp = 2;
  const auto exact = tiles_of(options);
  CHECK(exact->output<Tile>("tile").level == 1);
  CHECK(exact->output<Tile>("tile", 1).x == 400);
  options.mpp = 1.5;
  const auto scaled = tiles_of(options);
  REQUIRE(scaled->emitted("tile") == 8 * 6);
  const Tile& tile = scaled->output<Tile>("tile", 9);
  CHECK(tile.level == 0);
  CHECK(tile.x == 300);
  CHECK(tile.y == 300);
  CHECK(tile.extent == doctest::Approx(300));
  CHECK(*tile.mpp == doctest::Approx(1.5));
  cv::Mat window(300, 300, CV_8UC3), expected;
  slide().read(0, 300, 300, window);
  cv::resize(window, expected, {100, 100}, 0, 0, cv::INTER_AREA);
  CHECK(cv::norm(tile.pixels, expected, cv::NORM_INF) == 0);
}

TEST_CASE("what a slide cannot give is refused") {
  Extract options;
  options.level = 7;
  CHECK_THROWS_WITH_AS(tiles_of(options),
                       doctest::Contains("level 7 was asked for, but the slide has 2 (0 to 1)"), Error);
  options.level.reset();
  options.mpp = 0.1;
  CHECK_THROWS_WITH_AS(tiles_of(options), doctest::Contains("the slide's finest level has 0.5"), Error);
  options.mpp.reset();
  options.size = 3000;
  CHECK(tiles_of(options)->emitted("tile") == 0);
}

TEST_CASE("tiles with too little tissue are left out") {
  Mask mask;
  mask.pixels = cv::Mat::zeros(19, 26, CV_8UC1);
  mask.slide_width = 2600;
  mask.slide_height = 1900;
  mask.pixels(cv::Rect(0, 0, 4, 3)).setTo(255);  // 12 of the first tile's 25 mask pixels
  for (const auto& [least, expected] : {std::pair{0.48, 1}, {0.49, 0}, {0.0, 15}}) {
    testing::NodeRunner<Extract> runner;
    runner.node().min_coverage = least;
    runner.input("slide", slide()).input("mask", mask).generate();
    CHECK(runner.emitted("tile") == static_cast<std::size_t>(expected));
    if (expected > 0) CHECK(*runner.output<Tile>("tile").coverage == doctest::Approx(0.48));
  }
}
