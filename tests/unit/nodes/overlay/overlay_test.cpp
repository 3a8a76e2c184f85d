// SPDX-License-Identifier: Apache-2.0
#include "nodes/overlay/overlay.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "../tiffs.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// Whole tiles of 512 pixels and parts of some.
ClassMask classes() {
  return {{{"tumor", 1, {}}, {"stroma", 2, {}}},
          {{1, {{{512, 512}, {1500, 512}, {1500, 1400}, {512, 1400}}}},
           {2, {{{1800, 100}, {2500, 100}, {2500, 700}, {1800, 700}}}}},
          2600,
          1900};
}

std::unique_ptr<testing::NodeRunner<Overlay>> runner(const std::filesystem::path& dir) {
  auto out = std::make_unique<testing::NodeRunner<Overlay>>("s");
  out->node().dir = dir;
  out->input("slide", Slide::open(small_slide(), "s"));
  return out;
}

/// The slide at a downsample, and the class at each pixel.
cv::Mat pixels(int level) {
  const Slide slide = Slide::open(small_slide(), "s");
  cv::Mat rgb(static_cast<int>(slide.level(level).height), static_cast<int>(slide.level(level).width),
              CV_8UC3);
  slide.read(level, 0, 0, rgb);
  return rgb;
}
cv::Mat values(double downsample) {
  cv::Mat out(classes().size(downsample), CV_8UC1);
  classes().draw(downsample, 0, 0, out);
  return out;
}

}  // namespace

TEST_CASE("an overlay shows the slide inside regions, and nothing outside") {
  const TemporaryFolder folder;
  runner(folder.path())->input("classes", classes()).process();
  const auto images = read_tiff(folder / "s.overlay.tif");
  REQUIRE(images.size() == 4);  // 2600, 1300, 650, 325
  CHECK(images[0].x_resolution == doctest::Approx(20000));
  for (const auto& [at, level] : {std::pair{0, 0}, {2, 1}}) {
    cv::Mat expected = pixels(level);
    expected.setTo(0, values(1 << at) == 0);
    CHECK(difference(images[static_cast<std::size_t>(at)].pixels, expected) < 2.5);
  }
  const cv::Rect inside(600, 600, 800, 700), nothing(0, 1550, 2600, 340);
  CHECK(difference(images[0].pixels(inside), pixels(0)(inside)) < 8);
  CHECK(cv::countNonZero(images[0].pixels(nothing).reshape(1)) == 0);
}

TEST_CASE("of one class only, on white, from another level") {
  const TemporaryFolder folder;
  auto run = runner(folder.path());
  run->node().only = {"stroma"};
  run->node().outside = "white";
  run->node().downsample = 4;
  run->node().quality = 95;
  run->input("classes", classes()).process();
  const auto images = read_tiff(folder / "s.overlay.tif");
  REQUIRE(images.size() == 2);
  cv::Mat expected = pixels(1);
  expected.setTo(cv::Scalar::all(255), values(4) != 2);
  CHECK(difference(images[0].pixels, expected) < 2);
  CHECK(images[0].pixels.at<cv::Vec3b>(200, 200) == cv::Vec3b(255, 255, 255));  // tumor
}

TEST_CASE("inside a tissue mask") {
  const TemporaryFolder folder;
  Mask mask{cv::Mat(19, 26, CV_8UC1, cv::Scalar(0)), 2600, 1900};
  mask.pixels(cv::Rect(5, 4, 10, 9)).setTo(255);
  runner(folder.path())->input("mask", mask).process();
  cv::Mat expected(1900, 2600, CV_8UC3, cv::Scalar::all(0));
  const cv::Rect place(500, 400, 1000, 900);
  pixels(0)(place).copyTo(expected(place));
  const auto images = read_tiff(folder / "s.overlay.tif");
  CHECK(difference(images[0].pixels, expected) < 2.5);
}

TEST_CASE("overlay's options are compared with each other and with what is connected") {
  Overlay node;
  Costs mask, classes;
  mask.inputs = {{"mask", 1}};
  classes.inputs = {{"classes", 1}};
  node.only = {"tumor"};
  CHECK_NOTHROW(node.plan(classes));
  CHECK_THROWS_WITH_AS(node.plan(mask), "a tissue mask has no classes", OptionError);
  node.level = 1;
  node.mpp = 2;
  CHECK_THROWS_WITH_AS(node.plan(classes), "the resolution is given twice", OptionError);
}
