// SPDX-License-Identifier: Apache-2.0
#include "nodes/region/contours.h"

#include <doctest/doctest.h>

#define BOOST_ALLOW_DEPRECATED_HEADERS  // Boost 1.74 includes some itself
#include <boost/geometry.hpp>
#include <boost/geometry/geometries/register/point.hpp>
#include <initializer_list>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

BOOST_GEOMETRY_REGISTER_POINT_2D(cv::Point, int, boost::geometry::cs::cartesian, x, y)

using namespace flowrun::wsi;

namespace {

namespace bg = boost::geometry;

/// A mask drawn in text, '#' is set.
cv::Mat mask_of(std::initializer_list<std::string> rows) {
  cv::Mat mask(static_cast<int>(rows.size()), static_cast<int>(rows.begin()->size()), CV_8UC1);
  int y = 0;
  for (const std::string& row : rows) {
    for (int x = 0; x < mask.cols; ++x)
      mask.at<uchar>(y, x) = row[static_cast<std::size_t>(x)] == '#' ? 255 : 0;
    ++y;
  }
  return mask;
}

std::vector<PixelPiece> pieces_of(const cv::Mat& mask, std::size_t min_pixels = 1, std::size_t min_hole = 1) {
  std::vector<PixelPiece> pieces;
  trace_contours(mask, min_pixels, min_hole, [&](const PixelPiece& piece) { pieces.push_back(piece); });
  return pieces;
}

bg::model::polygon<cv::Point, true, false> polygon_of(const PixelPiece& piece) {
  bg::model::polygon<cv::Point, true, false> polygon;
  polygon.outer().assign(piece.outer.begin(), piece.outer.end());
  for (const PixelRing& hole : piece.holes) polygon.inners().emplace_back(hole.begin(), hole.end());
  bg::correct(polygon);
  return polygon;
}

using Points = std::vector<cv::Point>;

}  // namespace

TEST_CASE("a pixel, a rectangle, and nothing") {
  CHECK(pieces_of(cv::Mat::zeros(3, 4, CV_8UC1)).empty());
  const auto one = pieces_of(mask_of({"...", ".#.", "..."}));
  REQUIRE(one.size() == 1);
  CHECK(one[0].outer == Points{{2, 1}, {2, 2}, {1, 2}, {1, 1}});
  CHECK(one[0].holes.empty());
  CHECK(one[0].pixels == 1);
  const auto all = pieces_of(mask_of({"####", "####"}));
  REQUIRE(all.size() == 1);
  CHECK(all[0].outer == Points{{4, 0}, {4, 2}, {0, 2}, {0, 0}});
}

TEST_CASE("a hole is a ring of its own, what lies in it a piece of its own") {
  const auto pieces = pieces_of(mask_of({"#####", "#...#", "#.#.#", "#...#", "#####"}));
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].outer == Points{{5, 0}, {5, 5}, {0, 5}, {0, 0}});
  REQUIRE(pieces[0].holes.size() == 1);
  CHECK(cv::contourArea(pieces[0].holes[0]) == 9);
  CHECK(pieces[0].pixels == 16);
  CHECK(pieces[1].pixels == 1);
}

TEST_CASE("pixels that touch at a corner are two pieces") {
  const auto pieces = pieces_of(mask_of({"#.", ".#"}));
  REQUIRE(pieces.size() == 2);
  CHECK(pieces[0].outer == Points{{1, 0}, {1, 1}, {0, 1}, {0, 0}});
  CHECK(pieces[1].outer == Points{{2, 1}, {2, 2}, {1, 2}, {1, 1}});
}

TEST_CASE("holes that touch at a corner are two holes") {
  const auto pieces = pieces_of(mask_of({"####", "#.##", "##.#", "####"}));
  REQUIRE(pieces.size() == 1);
  REQUIRE(pieces[0].holes.size() == 2);
  CHECK(cv::contourArea(pieces[0].holes[0]) == 1);
  CHECK(cv::contourArea(pieces[0].holes[1]) == 1);
  CHECK(bg::is_valid(polygon_of(pieces[0])));
}

TEST_CASE("a piece that meets itself at a corner encloses a hole that touches its outline there") {
  const auto pieces =
      pieces_of(mask_of({"###.", "#.#.", "##.#", ".###"}));  // meets itself at (2, 2) and (3, 2)
  REQUIRE(pieces.size() == 1);
  CHECK(pieces[0].pixels == 11);
  CHECK(pieces[0].holes.size() == 2);
  std::string why;
  CHECK_MESSAGE(bg::is_valid(polygon_of(pieces[0]), why), why);
}

TEST_CASE("random masks: areas are exact, polygons valid, as many as connected components") {
  cv::RNG random(5);
  for (const double share : {0.1, 0.4, 0.5, 0.6, 0.7, 0.9})
    for (int n = 0; n < 40; ++n) {
      cv::Mat noise(random.uniform(1, 40), random.uniform(1, 40), CV_8UC1);
      random.fill(noise, cv::RNG::UNIFORM, 0, 1000);
      random.fill(noise, cv::RNG::UNIFORM, 0, 256);
      const cv::Mat mask = noise < 256 * share;
      cv::Mat labels, stats, centres;
      const int components = cv::connectedComponentsWithStats(mask, labels, stats, centres, 4);
      const auto pieces = pieces_of(mask);
      REQUIRE(pieces.size() == static_cast<std::size_t>(components - 1));
      std::size_t sum = 0;
      for (const PixelPiece& piece : pieces) {
        const auto polygon = polygon_of(piece);
        REQUIRE(bg::is_valid(polygon));
        REQUIRE(bg::area(polygon) == piece.pixels);
        sum += piece.pixels;
      }
      CHECK(sum == static_cast<std::size_t>(cv::countNonZero(mask)));
    }
}

TEST_CASE("what is too small is left out") {
  const cv::Mat mask = mask_of({"##..####", "##..#.##", "....####", "#...####"});
  CHECK(pieces_of(mask).size() == 3);
  const auto large = pieces_of(mask, 5);
  REQUIRE(large.size() == 1);
  CHECK(large[0].pixels == 15);
  CHECK(large[0].holes.size() == 1);
  CHECK(pieces_of(mask, 15, 2)[0].holes.empty());
  CHECK(pieces_of(mask, 16).empty());
}
