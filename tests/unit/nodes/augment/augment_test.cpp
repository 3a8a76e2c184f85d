// SPDX-License-Identifier: Apache-2.0
#include "nodes/augment/augment.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/tile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <opencv2/core.hpp>
#include <string>

#include "nodes/augment/transforms.h"

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

cv::Mat noise(int side, int seed = 1) {
  cv::Mat image(side, side, CV_8UC3);
  cv::RNG(static_cast<std::uint64_t>(seed)).fill(image, cv::RNG::UNIFORM, 0, 256);
  return image;
}

double difference(const cv::Mat& a, const cv::Mat& b) {
  return a.size() == b.size() ? cv::norm(a, b, cv::NORM_INF) : 999;
}

Tile sample(cv::Mat pixels, bool validation = false, std::uint64_t epoch = 0) {
  Tile tile;
  tile.pixels = std::move(pixels);
  auto origin = std::make_shared<Sample>();
  origin->validation = validation;
  origin->epoch = epoch;
  tile.sample = std::move(origin);
  return tile;
}

/// What becomes of `count` equal samples, by their index.
std::vector<cv::Mat> run(const Augment& options, const cv::Mat& pixels, int count, std::uint64_t epoch = 0) {
  testing::NodeRunner<Augment> runner;
  runner.node() = options;
  for (int i = 0; i < count; ++i) runner.input("tile", sample(pixels, false, epoch)).process();
  std::vector<cv::Mat> out;
  for (int i = 0; i < count; ++i) out.push_back(runner.output<Tile>("tile", i).pixels);
  return out;
}

using Pixel = std::array<double, 3>;

/// Applies a function of one pixel (R, G, B; 0 to 255) to a whole image.
template <class F>
cv::Mat each_pixel(const cv::Mat& rgb, F&& f) {
  cv::Mat out = rgb.clone();
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x) {
      const auto& v = rgb.at<cv::Vec3b>(y, x);
      const Pixel changed = f(Pixel{double(v[0]), double(v[1]), double(v[2])});
      for (int c = 0; c < 3; ++c)
        out.at<cv::Vec3b>(y, x)[c] =
            static_cast<std::uint8_t>(std::clamp(std::round(changed[c]), 0.0, 255.0));
    }
  return out;
}

double grey(const Pixel& p) {
  return 0.299 * p[0] + 0.587 * p[1] + 0.114 * p[2];
}

/// As Python's colorsys has it, with h, s, v in 0 to 1.
Pixel rgb_to_hsv(const Pixel& p) {
  const double most = std::max({p[0], p[1], p[2]}), least = std::min({p[0], p[1], p[2]}),
               range = most - least;
  if (range == 0) return {0, 0, most};
  const double r = (most - p[0]) / range, g = (most - p[1]) / range, b = (most - p[2]) / range;
  const double h = (p[0] == most ? b - g : p[1] == most ? 2 + r - b : 4 + g - r) / 6;
  return {h - std::floor(h), range / most, most};
}

Pixel hsv_to_rgb(const Pixel& hsv) {
  const auto [h, s, v] = hsv;
  const int sector = static_cast<int>(h * 6);
  const double f = h * 6 - sector, p = v * (1 - s), q = v * (1 - s * f), t = v * (1 - s * (1 - f));
  switch (sector % 6) {
    case 0:
      return {v, t, p};
    case 1:
      return {q, v, p};
    case 2:
      return {p, v, t};
    case 3:
      return {p, q, v};
    case 4:
      return {t, p, v};
    default:
      return {v, p, q};
  }
}

}  // namespace

TEST_CASE("flips and quarter turns move each pixel to where a hand puts it") {
  const cv::Mat image = noise(9);
  for (int quarters = 0; quarters < 4; ++quarters) flip_and_turn(image, true, false, quarters);
  CHECK(difference(image, noise(9)) == 0);  // never written to
  const auto at = [](const cv::Mat& m, int row, int column) { return m.at<cv::Vec3b>(row, column); };
  for (int row = 0; row < 9; ++row)
    for (int column = 0; column < 9; ++column) {
      CHECK(at(flip_and_turn(image, true, false, 0), row, column) == at(image, row, 8 - column));
      CHECK(at(flip_and_turn(image, false, true, 0), row, column) == at(image, 8 - row, column));
      CHECK(at(flip_and_turn(image, true, true, 0), row, column) == at(image, 8 - row, 8 - column));
      CHECK(at(flip_and_turn(image, false, false, 1), row, column) == at(image, 8 - column, row));
      CHECK(at(flip_and_turn(image, false, false, 2), row, column) == at(image, 8 - row, 8 - column));
      CHECK(at(flip_and_turn(image, false, false, 3), row, column) == at(image, column, 8 - row));
      CHECK(at(flip_and_turn(image, true, false, 1), row, column) == at(image, 8 - column, 8 - row));
    }
  CHECK(flip_and_turn(image, false, false, 0).data != image.data);
}

TEST_CASE("affine changes turn counter-clockwise about the centre, scale and move; borders mirror") {
  const cv::Mat image = noise(21);
  CHECK(difference(affine(image, 90, 1, 0, 0), flip_and_turn(image, false, false, 3)) <= 1);
  CHECK(difference(affine(image, 180, 1, 0, 0), flip_and_turn(image, false, false, 2)) <= 1);
  const cv::Mat moved = affine(image, 0, 1, 3, -2);
  for (int row = 0; row < 21; ++row)
    for (int column = 0; column < 21; ++column) {
      const int from_column = std::abs(column - 3), from_row = row + 2 > 20 ? 40 - (row + 2) : row + 2;
      CHECK(moved.at<cv::Vec3b>(row, column) == image.at<cv::Vec3b>(from_row, from_column));
    }
  // Twice as large: every second pixel from the centre is one of the image.
  const cv::Mat larger = affine(image, 0, 2, 0, 0);
  for (int i = -5; i <= 5; ++i)
    CHECK(larger.at<cv::Vec3b>(10 + 2 * i, 10) == image.at<cv::Vec3b>(10 + i, 10));
}

TEST_CASE("colours change as torchvision's formulas say") {
  const cv::Mat image = noise(32);
  CHECK(difference(change_colour(image, {1.2, 1, 1, 0}), each_pixel(image, [](Pixel p) {
                     return Pixel{p[0] * 1.2, p[1] * 1.2, p[2] * 1.2};
                   })) <= 1);
  double mean = 0;
  each_pixel(image, [&](Pixel p) { return mean += grey(p) / (32 * 32), p; });
  CHECK(difference(change_colour(image, {1, 0.7, 1, 0}), each_pixel(image, [&](Pixel p) {
                     for (double& v : p) v = 0.7 * v + 0.3 * mean;
                     return p;
                   })) <= 1);
  CHECK(difference(change_colour(image, {1, 1, 1.5, 0}), each_pixel(image, [](Pixel p) {
                     const double g = grey(p);
                     for (double& v : p) v = 1.5 * v - 0.5 * g;
                     return p;
                   })) <= 1);
  for (const double hue : {0.1, -0.3})
    CHECK(difference(change_colour(image, {1, 1, 1, hue}), each_pixel(image, [&](Pixel p) {
                       Pixel hsv = rgb_to_hsv(p);
                       hsv[0] += hue - std::floor(hsv[0] + hue);
                       return hsv_to_rgb(hsv);
                     })) <= 1);
  CHECK(difference(change_colour(image, {}), image) == 0);
}

TEST_CASE("stains change as concentrations that are solved for pixel by pixel") {
  const cv::Mat image = noise(24);
  const StainChange change{{1.1, 0.85, 1.2}, {0.02, -0.03, 0.01}};
  // Ruifrok and Johnston's vectors as columns, so that S c = od.
  cv::Matx33d s(0.650, 0.072, 0.268, 0.704, 0.990, 0.570, 0.286, 0.105, 0.776);
  for (int i = 0; i < 3; ++i) {
    const double length = std::sqrt(s(0, i) * s(0, i) + s(1, i) * s(1, i) + s(2, i) * s(2, i));
    for (int j = 0; j < 3; ++j) s(j, i) /= length;
  }
  const cv::Mat expected = each_pixel(image, [&](Pixel p) {
    cv::Vec3d od, c;
    for (int i = 0; i < 3; ++i) od[i] = -std::log((p[i] + 1) / 256);
    cv::solve(s, od, c);
    for (int i = 0; i < 3; ++i) c[i] = c[i] * change.factor[i] + change.shift[i];
    const cv::Vec3d changed = s * c;
    for (int i = 0; i < 3; ++i) p[i] = 256 * std::exp(-changed[i]) - 1;
    return p;
  });
  CHECK(difference(change_stain(image, change), expected) <= 1);
  CHECK(difference(change_stain(image, {}), image) == 0);
}

TEST_CASE("what becomes of a sample depends on seed, epoch and index alone") {
  const cv::Mat image = noise(16);
  Augment options;
  options.degrees = 20;
  options.translate = 0.1;
  options.scale = {0.9, 1.1};
  options.brightness = options.contrast = options.saturation = options.hue = options.stain = 0.1;
  const auto first = run(options, image, 8), again = run(options, image, 8),
             later = run(options, image, 8, 1);
  options.seed = 1;
  const auto other = run(options, image, 8);
  for (int i = 0; i < 8; ++i) {
    CHECK(difference(first[i], again[i]) == 0);
    CHECK(difference(first[i], later[i]) > 0);
    CHECK(difference(first[i], other[i]) > 0);
    if (i > 0) CHECK(difference(first[i], first[i - 1]) > 0);
  }
  CHECK(difference(image, noise(16)) == 0);  // the input is never written to
}

TEST_CASE("the eight ways to lay a square come about equally often") {
  const cv::Mat image = noise(3);
  std::map<std::string, int> ways;
  for (const cv::Mat& out : run({}, image, 4000)) ++ways[std::string(out.data, out.data + 27)];
  CHECK(ways.size() == 8);
  for (const auto& [pixels, count] : ways) CHECK(std::abs(count - 500) < 110);  // five standard deviations
}

TEST_CASE("validation samples and tiles outside of a training pass untouched") {
  testing::NodeRunner<Augment> runner;
  runner.node().stain = 0.5;
  const cv::Mat image = noise(16);
  runner.input("tile", sample(image, true)).process();
  Tile plain;
  plain.pixels = image;
  runner.input("tile", plain).process();
  CHECK(runner.output<Tile>("tile", 0).pixels.data == image.data);
  CHECK(runner.output<Tile>("tile", 1).pixels.data == image.data);
}

TEST_CASE("nothing is changed when all is off") {
  Augment options;
  options.flip = options.quarter_turns = false;
  const cv::Mat image = noise(16);
  for (const cv::Mat& out : run(options, image, 4)) CHECK(difference(out, image) == 0);
  options.scale = {1.1, 0.9};
  Costs costs;
  CHECK_THROWS_WITH_AS(options.plan(costs), "expected the least and the largest factor", OptionError);
}

TEST_CASE(
    "stain_shift alone raises or lowers each stain of all pixels by one number, no more than asked for") {
  // Ruifrok and Johnston's vectors as columns, of unit length.
  cv::Matx33d s(0.650, 0.072, 0.268, 0.704, 0.990, 0.570, 0.286, 0.105, 0.776);
  for (int i = 0; i < 3; ++i) {
    const double length = std::sqrt(s(0, i) * s(0, i) + s(1, i) * s(1, i) + s(2, i) * s(2, i));
    for (int j = 0; j < 3; ++j) s(j, i) /= length;
  }
  Augment options;
  options.flip = options.quarter_turns = false;
  options.stain_shift = 0.1;
  cv::Mat image(1, 2, CV_8UC3);
  image.at<cv::Vec3b>(0, 0) = {120, 90, 140};
  image.at<cv::Vec3b>(0, 1) = {150, 130, 150};
  double most = 0;
  for (const cv::Mat& out : run(options, image, 300)) {
    cv::Vec3d raised[2];
    for (int pixel = 0; pixel < 2; ++pixel) {
      cv::Vec3d od;  // -ln((v + 1) / 256) after less that before
      for (int c = 0; c < 3; ++c)
        od[c] = std::log((image.data[3 * pixel + c] + 1.0) / (out.data[3 * pixel + c] + 1.0));
      raised[pixel] = s.inv() * od;
      most = std::max(most, cv::norm(raised[pixel], cv::NORM_INF));
    }
    CHECK(cv::norm(raised[0] - raised[1], cv::NORM_INF) < 0.04);  // rounding of 8 bits
  }
  CHECK(most == doctest::Approx(0.1).epsilon(0.2));
}

TEST_CASE("the picture of one stain is refused, as it has no colours") {
  testing::NodeRunner<Augment> runner;
  runner.input("tile", sample(cv::Mat(8, 8, CV_8UC1, cv::Scalar(7))));
  CHECK_THROWS_AS(runner.process(), Error);
}
