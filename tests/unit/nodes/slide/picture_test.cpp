// SPDX-License-Identifier: Apache-2.0
#include "nodes/slide/picture.h"

#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "../tiffs.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

const Slide& slide() {
  static const Slide opened = Slide::open(small_slide(), "s");
  return opened;
}  // 2600 x 1900, 0.5 microns, levels 1 and 4

cv::Mat level(int number) {
  const Level& l = slide().level(number);
  cv::Mat rgb(static_cast<int>(l.height), static_cast<int>(l.width), CV_8UC3);
  slide().read(number, 0, 0, rgb);
  return rgb;
}

cv::Mat read(const Picture& picture, cv::Rect window) {
  cv::Mat rgb(window.size(), CV_8UC3);
  picture.read(window.x, window.y, rgb);
  return rgb;
}

cv::Mat whole(const Picture& picture) {
  return read(picture, cv::Rect({}, picture.size()));
}

cv::Mat shrunk(const cv::Mat& picture, cv::Size size) {
  cv::Mat out;
  cv::resize(picture, out, size, 0, 0, cv::INTER_AREA);
  return out;
}

}  // namespace

TEST_CASE("a picture at a level's resolution is the level") {
  for (const Resolution& same : {Resolution{1, {}, {}}, Resolution{{}, 2.0, {}}, Resolution{{}, {}, 4.0}}) {
    const Picture picture = Picture::at(slide(), same);
    CHECK(picture.size() == cv::Size(650, 475));
    CHECK(*picture.mpp() == 2);
    CHECK(equal(whole(picture), level(1)));
  }
  CHECK(Picture::at(slide(), {}).size() == cv::Size(2600, 1900));
  CHECK(Picture::at(slide(), {{}, 0.501, {}}).downsample() == 1);
  CHECK(Picture::at(slide(), {{}, 0.495, {}}).downsample() == 1);  // the slide's 0.5 is near enough
}

TEST_CASE("between levels it is the mean of the next finer one, in blocks that fit together") {
  const Picture half = Picture::at(slide(), {{}, 1.0, {}});
  const cv::Mat expected = shrunk(level(0), {1300, 950});
  CHECK(equal(whole(half), expected));
  const cv::Rect window(311, 123, 700, 512);
  CHECK(equal(read(half, window), expected(window)));
  const cv::Mat coarser = shrunk(level(1)(cv::Rect(0, 0, 650, 474)), {325, 237});
  CHECK(equal(whole(half.halved().halved()), coarser));
}

TEST_CASE("a downsample that is no whole number is right to a pixel of the finer level") {
  const Picture picture = Picture::at(slide(), {{}, {}, 2.7});
  REQUIRE(picture.size() == cv::Size(962, 703));
  CHECK(difference(whole(picture), shrunk(level(0), picture.size())) < 3);
  CHECK(difference(read(picture, {500, 300, 300, 200}), whole(picture)(cv::Rect(500, 300, 300, 200))) < 3);
}

TEST_CASE("pixels that reach over the edge repeat it, and beyond is background") {
  const Picture picture(slide(), 16, {163, 119});  // 162.5 x 118.75
  cv::Mat wider;
  cv::copyMakeBorder(level(1), wider, 0, 1, 0, 2, cv::BORDER_REPLICATE);
  const cv::Mat expected = shrunk(wider, {163, 119});
  CHECK(equal(whole(picture), expected));
  const cv::Mat beyond = read(picture, {-5, 110, 200, 20});
  CHECK(equal(beyond(cv::Rect(5, 0, 163, 9)), expected(cv::Rect(0, 110, 163, 9))));
  const cv::Mat white(20, 200, CV_8UC3, cv::Scalar::all(255));
  for (const cv::Rect& outside : {cv::Rect(0, 0, 5, 20), cv::Rect(168, 0, 32, 20), cv::Rect(0, 9, 200, 11)})
    CHECK(equal(beyond(outside), white(outside)));
}

TEST_CASE("a picture that a slide cannot give is an error that says what it can") {
  CHECK_THROWS_WITH_AS(Picture::at(slide(), {2, {}, {}}),
                       doctest::Contains("level 2 was asked for, but the slide has 2 (0 to 1)"), Error);
  CHECK_THROWS_WITH_AS(Picture::at(slide(), {{}, 0.25, {}}),
                       doctest::Contains("the slide's finest level has 0.5"), Error);
  CHECK_THROWS_AS((Resolution{1, 0.5, {}}.check()), OptionError);
}
