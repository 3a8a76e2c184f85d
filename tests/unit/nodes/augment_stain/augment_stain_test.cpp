// SPDX-License-Identifier: Apache-2.0
#include "nodes/augment_stain/augment_stain.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/tile.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "../stain/stained.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

cv::Mat varied(const AugmentStain& options, const cv::Mat& rgb, std::int64_t x = 0,
               const std::string& scope = "s") {
  testing::NodeRunner<AugmentStain> runner(scope);
  runner.node() = options;
  Tile tile;
  tile.pixels = rgb.clone();
  tile.x = x;
  return runner.input("tile", tile).process().output<Tile>("tile").pixels;
}

bool same(const cv::Mat& a, const cv::Mat& b) {
  return cv::norm(a, b, cv::NORM_INF) == 0;
}

}  // namespace

TEST_CASE("without scale and shift tiles come back as they were") {
  AugmentStain none;
  none.scale = none.shift = 0;
  const cv::Mat rgb = stained_picture(ruifrok, 64);
  CHECK(same(varied(none, rgb), rgb));
  for (const int level : {0, 1, 127, 254, 255}) {
    const cv::Mat grey(3, 3, CV_8UC3, cv::Scalar::all(level));
    CHECK(same(varied(none, grey), grey));
  }
}

TEST_CASE("what is drawn depends on seed, scope and place alone") {
  const cv::Mat rgb = stained_picture(ruifrok, 64);
  AugmentStain options, other;
  other.seed = 1;
  const cv::Mat first = varied(options, rgb);
  CHECK(same(varied(options, rgb), first));
  CHECK_FALSE(same(varied(other, rgb), first));
  CHECK_FALSE(same(varied(options, rgb, 512), first));
  CHECK_FALSE(same(varied(options, rgb, 0, "t"), first));
}

TEST_CASE("stain alone changes, as much as drawn") {
  // Hematoxylin at concentration 1, then what came of it, taken apart by the same colours.
  const cv::Matx33d colours(0.650, 0.072, 0.268, 0.704, 0.990, 0.570, 0.286, 0.105, 0.776);
  AugmentStain options;
  options.scale = 0.3;
  options.shift = 0;
  double least = 2, most = 0;
  for (int i = 0; i < 300; ++i) {
    cv::Mat rgb(1, 1, CV_8UC3);
    for (int c = 0; c < 3; ++c)
      rgb.data[c] = cv::saturate_cast<std::uint8_t>(240 * std::exp(-colours(c, 0)) - 1);
    const cv::Mat out = varied(options, rgb, i);
    cv::Vec3d od;
    for (int c = 0; c < 3; ++c) od[c] = -std::log((out.data[c] + 1) / 240.0);
    const cv::Vec3d concentrations = colours.inv() * od;
    CHECK(std::abs(concentrations[1]) < 0.03);
    CHECK(std::abs(concentrations[2]) < 0.03);
    least = std::min(least, concentrations[0]);
    most = std::max(most, concentrations[0]);
  }
  CHECK(least == doctest::Approx(0.7).epsilon(0.05));
  CHECK(most == doctest::Approx(1.3).epsilon(0.05));
}

TEST_CASE("a shift adds the same to hematoxylin and eosin of each pixel, and nothing else") {
  const cv::Matx33d colours(0.650, 0.072, 0.268, 0.704, 0.990, 0.570, 0.286, 0.105, 0.776);
  AugmentStain options;
  options.scale = 0;
  options.shift = 0.4;
  cv::Vec2d least, most;
  for (int i = 0; i < 300; ++i) {
    cv::Mat rgb(1, 2, CV_8UC3);
    rgb.at<cv::Vec3b>(0, 0) = {120, 90, 140};
    rgb.at<cv::Vec3b>(0, 1) = {150, 130, 150};
    const cv::Mat out = varied(options, rgb, i);
    cv::Vec3d amounts[2];
    for (int pixel = 0; pixel < 2; ++pixel) {
      cv::Vec3d added;  // optical density, -ln((p + 1) / io) after less that before
      for (int c = 0; c < 3; ++c)
        added[c] = std::log((rgb.data[3 * pixel + c] + 1.0) / (out.data[3 * pixel + c] + 1.0));
      amounts[pixel] = colours.inv() * added;
      CHECK(std::abs(amounts[pixel][2]) < 0.03);
      for (int stain = 0; stain < 2; ++stain) {
        least[stain] = std::min(least[stain], amounts[pixel][stain]);
        most[stain] = std::max(most[stain], amounts[pixel][stain]);
      }
    }
    CHECK(cv::norm(amounts[0] - amounts[1], cv::NORM_INF) < 0.04);
  }
  for (int stain = 0; stain < 2; ++stain) {
    CHECK(least[stain] == doctest::Approx(-0.4).epsilon(0.05));
    CHECK(most[stain] == doctest::Approx(0.4).epsilon(0.05));
  }
}
