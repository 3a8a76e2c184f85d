// SPDX-License-Identifier: Apache-2.0
#include "nodes/separate/separate.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/tile.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "../slides.h"
#include "nodes/filter/filter.h"
#include "nodes/save/save.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// The colour of these amounts of hematoxylin and DAB, by the law of Beer and Lambert.
cv::Vec3b colour(double hematoxylin, double dab) {
  const double h[] = {0.650, 0.704, 0.286}, d[] = {0.268, 0.570, 0.776};
  cv::Vec3b rgb;
  for (int c = 0; c < 3; ++c)
    rgb[c] = cv::saturate_cast<std::uint8_t>(240 * std::exp(-hematoxylin * h[c] - dab * d[c]) - 1);
  return rgb;
}

/// Half glass; a quarter with much hematoxylin, a quarter with DAB.
Tile tile_of_quarters() {
  Tile tile;
  tile.pixels = cv::Mat(40, 40, CV_8UC3, colour(0, 0));
  tile.pixels(cv::Rect(0, 0, 20, 20)).setTo(colour(1.5, 0));
  tile.pixels(cv::Rect(20, 0, 20, 20)).setTo(colour(0.2, 1.2));
  tile.extent = 40;
  return tile;
}

void separate(testing::NodeRunner<Separate>& runner, const Separate& options, Tile tile) {
  runner.node() = options;
  Costs costs;
  costs.inputs["tile"] = 3;
  runner.node().plan(costs);
  runner.input("tile", std::move(tile)).process();
}

}  // namespace

TEST_CASE("stains are told apart, and their amounts are those put in") {
  testing::NodeRunner<Separate> runner;
  Separate options;
  options.stains = "h-dab";
  separate(runner, options, tile_of_quarters());
  const cv::Mat& hematoxylin = runner.output<Tile>("hematoxylin").pixels;
  const cv::Mat& dab = runner.output<Tile>("counterstain").pixels;
  CHECK(hematoxylin.type() == CV_8UC1);
  CHECK(hematoxylin.size() == cv::Size(40, 40));
  const auto near = [](std::uint8_t level, double concentration) {
    return std::abs(level - 255 * std::exp(-concentration)) < 4;
  };
  CHECK(near(hematoxylin.at<std::uint8_t>(5, 5), 1.5));
  CHECK(near(dab.at<std::uint8_t>(5, 5), 0));
  CHECK(near(hematoxylin.at<std::uint8_t>(5, 25), 0.2));
  CHECK(near(dab.at<std::uint8_t>(5, 25), 1.2));
  CHECK(near(dab.at<std::uint8_t>(30, 5), 0));
  const auto& values = runner.output<Tile>("tile").values;
  REQUIRE(values.size() == 4);
  CHECK(values[0].first == "hematoxylin_od");
  CHECK(values[0].second == doctest::Approx((1.5 + 0.2) / 4).epsilon(0.03));
  CHECK(values[1].first == "hematoxylin_positive");
  CHECK(values[1].second == doctest::Approx(0.5));
  CHECK(values[2].first == "dab_od");
  CHECK(values[2].second == doctest::Approx(1.2 / 4).epsilon(0.05));
  CHECK(values[3].first == "dab_positive");
  CHECK(values[3].second == doctest::Approx(0.5));
  CHECK(runner.output<Tile>("tile").pixels.data != nullptr);
}

TEST_CASE("positive pixels are counted among the stained ones alone") {
  Separate options;
  options.stains = "h-dab";
  options.positive_od = 0.05;
  Tile tile = tile_of_quarters();
  tile.pixels.setTo(colour(0, 0.12));  // no density reaches beta, but there is more DAB than positive_od
  tile.pixels(cv::Rect(0, 0, 20, 20)).setTo(colour(1.5, 0));
  testing::NodeRunner<Separate> runner;
  separate(runner, options, tile);
  const auto& values = runner.output<Tile>("tile").values;
  CHECK(values[1].second == 1);
  CHECK(values[2].second == doctest::Approx(0.12 * 3 / 4).epsilon(0.1));
  CHECK(values[3].second == 0);
}

TEST_CASE("tiles of one pixel, of one colour, without light") {
  for (const cv::Scalar& of : {cv::Scalar::all(0), cv::Scalar::all(255), cv::Scalar::all(128)})
    for (const int side : {1, 7}) {
      testing::NodeRunner<Separate> runner;
      Tile tile;
      tile.pixels = cv::Mat(side, side, CV_8UC3, of);
      separate(runner, Separate(), tile);
      for (const auto& [name, value] : runner.output<Tile>("tile").values) {
        CHECK(std::isfinite(value));
        if (of[0] == 255) CHECK(value == 0);
      }
    }
}

TEST_CASE("amounts become columns of the table of tiles") {
  for (const std::string format : {"csv", "jsonl"}) {
    const TemporaryFolder out;
    testing::NodeRunner<Save> save("s");
    save.node().dir = out.path();
    save.node().table = format;
    Tile tile = tile_of_quarters();
    tile.values = {{"dab_od", 0.25}, {"dab_positive", 0.5}};
    save.input("tile", tile).process().finish();
    const std::string text = read_file(out / ("s/tiles." + format));
    if (format == "csv")
      CHECK(text ==
            "path,slide,x,y,level,size,mpp,coverage,label,dab_od,dab_positive\n"
            "s_x0_y0.png,s,0,0,0,40,,,,0.25,0.5\n");
    else
      CHECK(text.find("\"label\":\"\",\"dab_od\":0.25,\"dab_positive\":0.5}") != std::string::npos);
    Tile other = tile;
    other.values.pop_back();
    other.x = 40;
    testing::NodeRunner<Save> mixed("t");
    mixed.node().dir = out.path();
    mixed.input("tile", tile).process();
    mixed.input("tile", other);
    CHECK_THROWS_WITH_AS(
        mixed.process(),
        "the tile at x 40, y 0 has other values than those before it: a table has one set of columns", Error);
  }
}

TEST_CASE("a stain's picture is saved grey, and refused where colours are needed") {
  testing::NodeRunner<Separate> runner;
  separate(runner, Separate(), tile_of_quarters());
  const Tile& picture = runner.output<Tile>("hematoxylin");
  for (const std::string format : {"png", "jpg"}) {
    const TemporaryFolder out;
    testing::NodeRunner<Save> save("s");
    save.node().dir = out.path();
    save.node().format = format;
    save.input("tile", picture).process().finish();
    CHECK(std::filesystem::file_size(out / ("s/s_x0_y0." + format)) > 60);
  }
  testing::NodeRunner<Filter> filter;
  filter.node().max_white = 0.5;
  filter.input("tile", picture);
  CHECK_THROWS_WITH_AS(filter.process(),
                       "the tile at x 0, y 0 has one channel, a stain's; this stage needs R, G and B", Error);
}
