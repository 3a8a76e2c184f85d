// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_mask/save_mask.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/imgcodecs.hpp>

#include "../slides.h"
#include "../tiffs.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

ClassMask class_mask() {
  return {{{"tumor", 3, {255, 0, 16}}, {"fat, \"yellow\"", 7, {250, 250, 0}}},
          {{3, {{{104, 96}, {1504, 96}, {1504, 1704}, {104, 1704}}}},
           {7, {{{1200, 904}, {2504, 904}, {2504, 1888}, {1200, 1888}}}}},
          2600,
          1900};
}

Mask tissue() {
  cv::Mat pixels(119, 163, CV_8UC1);
  for (int y = 0; y < pixels.rows; ++y)
    for (int x = 0; x < pixels.cols; ++x)
      pixels.at<std::uint8_t>(y, x) = (x * x + y * y) / 1000 % 2 ? 255 : 0;
  return {pixels, 2600, 1900};
}

std::unique_ptr<testing::NodeRunner<SaveMask>> runner(const std::filesystem::path& dir) {
  auto out = std::make_unique<testing::NodeRunner<SaveMask>>("s");
  out->node().dir = dir;
  out->input("slide", Slide::open(small_slide(), "s"));
  return out;
}

}  // namespace

TEST_CASE("a class mask as TIFF has the class of every pixel, each level drawn by itself") {
  const TemporaryFolder folder;
  runner(folder.path())->input("classes", class_mask()).process();
  const auto images = read_tiff(folder / "s.classes.tif");
  REQUIRE(images.size() == 2);  // 2600 x 1900, 1300 x 950
  for (std::size_t level = 0; level < images.size(); ++level) {
    cv::Mat expected(1900 >> level, 2600 >> level, CV_8UC1);
    class_mask().draw(1 << level, 0, 0, expected);
    CHECK(equal(images[level].pixels, expected));
    CHECK(images[level].x_resolution == doctest::Approx(20000.0 / (1 << level)));
  }
  CHECK(images[0].pixels.at<std::uint8_t>(500, 900) == 3);
  CHECK(images[0].pixels.at<std::uint8_t>(1000, 2400) == 7);
  CHECK(images[0].pixels.at<std::uint8_t>(10, 10) == 0);
  CHECK(read_file(folder / "s.classes.csv") ==
        "name,value,colour\ntumor,3,#ff0010\n\"fat, \"\"yellow\"\"\",7,#fafa00\n");
}

TEST_CASE("at a downsample, and as PNG") {
  const TemporaryFolder folder;
  auto run = runner(folder.path());
  run->node().downsample = 4;
  run->input("classes", class_mask()).process();
  cv::Mat expected(475, 650, CV_8UC1);
  class_mask().draw(4, 0, 0, expected);
  CHECK(equal(read_tiff(folder / "s.classes.tif").at(0).pixels, expected));
  run->node().format = "png";
  run->input("slide", Slide::open(small_slide(), "s")).process();
  CHECK(equal(cv::imread(folder / "s.classes.png", cv::IMREAD_UNCHANGED), expected));
}

TEST_CASE("a tissue mask keeps its resolution, or takes the one asked for") {
  const TemporaryFolder folder;
  auto run = runner(folder.path());
  run->input("mask", tissue()).process();
  const auto own = read_tiff(folder / "s.mask.tif");
  REQUIRE(own.size() == 1);
  CHECK(equal(own[0].pixels, tissue().pixels));
  CHECK(own[0].x_resolution == doctest::Approx(10000 / (0.5 * 2600 / 163)));

  run->node().downsample = 2;
  run->input("slide", Slide::open(small_slide(), "s")).process();
  const auto finer = read_tiff(folder / "s.mask.tif");
  REQUIRE(finer.size() == 1);  // 1300 x 950
  for (std::size_t level = 0; level < finer.size(); ++level) {
    const cv::Mat& pixels = finer[level].pixels;
    REQUIRE(pixels.size() == cv::Size(1300 >> level, 950 >> level));
    const double factor = 2 << level;
    int wrong = 0;
    for (int y = 0; y < pixels.rows; ++y)
      for (int x = 0; x < pixels.cols; ++x) {
        const auto column = static_cast<int>((x + 0.5) * factor * 163 / 2600);
        const auto row = static_cast<int>((y + 0.5) * factor * 119 / 1900);
        wrong += pixels.at<std::uint8_t>(y, x) != tissue().pixels.at<std::uint8_t>(row, column);
      }
    CHECK(wrong == 0);
  }
  run->node().downsample.reset();
  run->node().format = "png";
  run->input("slide", Slide::open(small_slide(), "s")).process();
  CHECK(equal(cv::imread(folder / "s.mask.png", cv::IMREAD_UNCHANGED), tissue().pixels));
}

TEST_CASE("a mask too large for PNG is refused with what would do") {
  const TemporaryFolder folder;
  auto run = runner(folder.path());
  run->node().format = "png";
  run->input("classes", ClassMask({}, {}, 100'000, 50'000));
  CHECK_THROWS_WITH_AS(
      run->process(),
      "a mask of 100000 x 50000 pixels is too large for PNG, which is made in one piece of at most "
      "67 million pixels: say downsample: 9 or more, or format: tiff",
      Error);
}

TEST_CASE("one of mask and classes is connected") {
  SaveMask node;
  Costs none, both;
  both.inputs = {{"mask", 1}, {"classes", 1}};
  CHECK_THROWS_WITH_AS(node.plan(none), doctest::Contains("neither 'mask' nor 'classes' is connected"),
                       Error);
  CHECK_THROWS_WITH_AS(node.plan(both), doctest::Contains("both 'mask' and 'classes' are connected"), Error);
}
