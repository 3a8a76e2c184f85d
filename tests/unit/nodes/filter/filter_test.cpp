// SPDX-License-Identifier: Apache-2.0
#include "nodes/filter/filter.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/ink.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>

#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "nodes/filter/measures.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

const cv::Scalar pink(225, 150, 190), white(255, 255, 255), black(5, 5, 5);

/// The left `share` of it in one colour, the rest in another.
Tile tile_of(const cv::Scalar& left, double share, const cv::Scalar& rest) {
  Tile tile;
  tile.pixels = cv::Mat(100, 100, CV_8UC3, rest);
  tile.pixels.colRange(0, static_cast<int>(100 * share)).setTo(left);
  return tile;
}

std::string reason(Filter options, Tile tile) {
  testing::NodeRunner<Filter> runner;
  runner.node() = std::move(options);
  runner.input("tile", std::move(tile)).process();
  if (runner.drop_reasons().empty()) {
    CHECK(runner.emitted("tile") == 1);
    CHECK(runner.emitted("dropped") == 0);
    return "";
  }
  CHECK(runner.emitted("tile") == 0);
  CHECK(runner.output<Tile>("dropped").dropped_because == runner.drop_reasons().front());
  return runner.drop_reasons().front();
}

}  // namespace

TEST_CASE("measures of tiles whose pixels were counted by hand") {
  CHECK(white_share(tile_of(white, 0.3, pink).pixels, 220) == doctest::Approx(0.3));
  CHECK(black_share(tile_of(black, 0.25, pink).pixels, 40) == doctest::Approx(0.25));
  CHECK(saturated_share(tile_of(white, 0.4, pink).pixels, 20) == doctest::Approx(0.6));
  cv::Mat frame(100, 100, CV_8UC3);  // black, tinted by noise
  cv::randu(frame, cv::Scalar::all(2), cv::Scalar::all(6));
  CHECK(saturated_share(frame, 20) == 0);
  // One white pixel on black: OpenCV's Laplacian (0 1 0; 1 -4 1; 0 1 0) gives -1020 there and 255 at four
  // others.
  cv::Mat dot(100, 100, CV_8UC3, cv::Scalar::all(0));
  dot.at<cv::Vec3b>(50, 50) = cv::Vec3b::all(255);
  CHECK(sharpness(dot) == doctest::Approx((1020.0 * 1020 + 4 * 255.0 * 255) / 10000));
  CHECK(sharpness(tile_of(pink, 1, pink).pixels) == 0);
}

TEST_CASE("a filter drops for the reason that it was given, and looks at nothing else") {
  Filter options;
  CHECK(reason(options, tile_of(white, 1, white)) == "");
  options.max_white = 0.5;
  CHECK(reason(options, tile_of(white, 0.5, pink)) == "");
  CHECK(reason(options, tile_of(white, 0.51, pink)) == "white");
  options.max_black = 0.1;
  CHECK(reason(options, tile_of(black, 0.2, pink)) == "black");
  options.min_tissue = 0.9;
  CHECK(reason(options, tile_of(white, 0.2, pink)) == "little tissue");
  options.min_sharpness = 10;
  CHECK(reason(options, tile_of(pink, 1, pink)) == "blurred");
}

TEST_CASE("marks of pens are ink, tissue is not") {
  const std::map<std::string, cv::Scalar> pens{
      {"blue", {20, 60, 180}}, {"green", {20, 140, 70}}, {"red", {200, 30, 40}}, {"black", {25, 25, 30}}};
  for (const auto& [colour, rgb] : pens) {
    CAPTURE(colour);
    const Tile inked = tile_of(rgb, 0.2, pink);
    CHECK(cv::countNonZero(find_ink(inked.pixels, {colour})) == 2000);
    Filter options;
    options.max_ink = 0.1;
    CHECK(reason(options, inked) == "ink");
    options.inks = {colour == "blue" ? "green" : "blue"};
    CHECK(reason(options, inked) == "");
  }
  for (const char* name : {"CMU-1-Small-Region.svs", "TCGA-CR-7395-01A-01-TS1.svs"}) {
    const auto path = real_slide(name);
    if (path.empty()) {
      MESSAGE(name << " is not there: skipped");
      continue;
    }
    const Slide slide = Slide::open(path, "s");
    cv::Mat whole(static_cast<int>(slide.level(0).height), static_cast<int>(slide.level(0).width), CV_8UC3);
    slide.read(0, 0, 0, whole);
    const double share = static_cast<double>(cv::countNonZero(find_ink(whole, ink_colours()))) /
                         static_cast<double>(whole.total());
    MESSAGE(name << ": " << share << " of the pixels pass for ink");
    CHECK(share < 0.005);
    Filter options;
    options.max_ink = 0.05;
    for (const int size : {96, 128, 224, 256, 512}) {
      int tissue = 0, lost = 0;
      for (int y = 0; y + size <= whole.rows; y += size)
        for (int x = 0; x + size <= whole.cols; x += size) {
          Tile tile;
          tile.pixels = whole(cv::Rect(x, y, size, size));
          if (white_share(tile.pixels, 200) > 0.5) continue;
          ++tissue;
          lost += !reason(options, tile).empty();
        }
      MESSAGE(size << ": " << lost << " of " << tissue);
      CHECK(lost <= 0.01 * tissue);
    }
  }
}

TEST_CASE("blood and blue nuclei are not ink, drawn where the slides are not there") {
  // Blood in thin and thick layers; hematoxylin from Ruifrok's to the bluest, in amounts up to 2.5.
  for (const cv::Vec3d& od :
       {cv::Vec3d(0.25, 0.85, 0.8), cv::Vec3d(0.2, 0.8, 0.6), cv::Vec3d(0.65, 0.70, 0.29),
        cv::Vec3d(0.76, 0.60, 0.25), cv::Vec3d(0.82, 0.53, 0.22)})
    for (const double amount : {0.5, 1.0, 1.5, 2.0, 2.5}) {
      cv::Scalar rgb;
      for (int c = 0; c < 3; ++c) rgb[c] = 240 * std::exp(-amount * od[c] / cv::norm(od));
      CAPTURE(rgb);
      CHECK(cv::countNonZero(find_ink(tile_of(rgb, 1, rgb).pixels, ink_colours())) == 0);
    }
}

TEST_CASE("an unknown pen is a mistake") {
  Filter options;
  options.inks = {"purple"};
  Costs costs;
  CHECK_THROWS_WITH_AS(options.plan(costs), "no pen is known as 'purple'", OptionError);
}
