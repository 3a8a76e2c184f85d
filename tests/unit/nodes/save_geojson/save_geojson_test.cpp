// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_geojson/save_geojson.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/tile.h>

#include <nlohmann/json.hpp>

#include "../slides.h"
#include "nodes/region/geojson_file.h"
#include "nodes/save_geojson/save_outlines.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;
using nlohmann::json;

namespace {

ClassMask classes() {
  const std::vector<cv::Point2d> outline{{10, 10}, {110, 10}, {60, 110.5}},
      bow{{0, 0}, {400, 400}, {400, 0}, {0, 400}};
  return {{{"tumor", 1, {200, 0, 0}}, {"stroma", 2, {0, 0, 200}}},
          {{1, {outline}}, {2, {bow}}, {7, {outline}}},
          2600,
          1900};
}

Tile tile(const std::string& label) {
  Tile tile;
  tile.x = 512;
  tile.y = 256;
  tile.extent = 384.5;
  tile.label = label;
  tile.dropped_because = label.empty() ? "blurred" : "";
  return tile;
}

}  // namespace

TEST_CASE("a tile's label is its classification, in the class's colour where that is known") {
  const TemporaryFolder folder;
  {
    testing::NodeRunner<SaveGeojson> runner("s");
    runner.node().dir = folder.path();
    runner.node().objects = "annotation";
    runner.input("classes", classes());
    runner.input("tile", tile("tumor")).process().input("tile", tile("\xff odd \"name\"")).process();
    runner.input("tile", tile("")).process().finish();
  }
  const json all = json::parse(read_file(folder / "s_tiles.geojson"));
  REQUIRE(all["features"].size() == 3);
  const json& first = all["features"][0];
  CHECK(first["properties"] ==
        json{{"objectType", "annotation"}, {"classification", {{"name", "tumor"}, {"color", {200, 0, 0}}}}});
  CHECK(first["geometry"] == json::parse("{\"type\":\"Polygon\",\"coordinates\":[[[512,256],[896.5,256],[896."
                                         "5,640.5],[512,640.5],[512,256]]]}"));
  CHECK(all["features"][1]["properties"]["classification"]["color"] == colour_of_name("\xff odd \"name\""));
  CHECK(all["features"][2]["properties"] == json{{"objectType", "annotation"}, {"name", "blurred"}});
}

TEST_CASE("what QuPath reads counts from the slide's bounds, or from the slide if that is asked for") {
  auto facts = std::make_shared<SlideFacts>();
  facts->name = "s";
  facts->levels = {{2600, 1900}};
  facts->bounds = {500, 6, 1000, 1000};
  for (const std::string origin : {"bounds", "slide"}) {
    const TemporaryFolder folder;
    const double left = origin == "bounds" ? 500 : 0, top = origin == "bounds" ? 6 : 0;
    testing::NodeRunner<SaveGeojson> tiles("s");
    tiles.node().dir = folder.path();
    tiles.node().origin = origin;
    Tile one = tile("tumor");
    one.slide = facts;
    tiles.input("classes", classes()).input("tile", one).process().finish();
    const json squares = json::parse(read_file(folder / "s_tiles.geojson"));
    CHECK(squares["features"][0]["geometry"]["coordinates"][0][0] == json{512 - left, 256 - top});
    testing::NodeRunner<SaveOutlines> outlines("s");
    outlines.node().dir = folder.path();
    outlines.node().origin = origin;
    Mask mask;
    mask.pixels = cv::Mat(19, 26, CV_8UC1, cv::Scalar(255));
    mask.slide_width = 2600;
    mask.slide_height = 1900;
    outlines.input("mask", mask).input("classes", classes()).input("slide", Slide(facts, nullptr)).process();
    const json all = json::parse(read_file(folder / "s.geojson"))["features"];
    const auto has = [](const json& feature, double x, double y) {
      const json& ring = feature["geometry"]["coordinates"][0];
      return std::find(ring.begin(), ring.end(), json{x, y}) != ring.end();
    };
    CHECK(has(all[0], 2600 - left, 1900 - top));
    CHECK(has(all[1], 60 - left, 110.5 - top));
  }
}

TEST_CASE("regions of classes keep their outlines; without mask and classes there is nothing to do") {
  const TemporaryFolder folder;
  testing::NodeRunner<SaveOutlines> runner("s");
  runner.node().dir = folder.path();
  const Slide slide = Slide::open(small_slide(), "s");
  CHECK_THROWS_WITH_AS(runner.input("slide", slide).process(),
                       doctest::Contains("connect the input mask, or classes"), Error);
  runner.input("classes", classes()).input("slide", slide).process();
  const json all = json::parse(read_file(folder / "s.geojson"));
  REQUIRE(all["features"].size() == 2);  // the third has no class
  CHECK(all["features"][0]["properties"]["classification"] ==
        json{{"name", "tumor"}, {"color", {200, 0, 0}}});
  CHECK(all["features"][0]["geometry"]["type"] == "Polygon");
  CHECK(all["features"][0]["geometry"]["coordinates"][0].size() == 4);
  CHECK(all["features"][1]["properties"]["classification"]["name"] == "stroma");
}

TEST_CASE("small pieces and holes of tissue are left out, in level-0 pixels") {
  const TemporaryFolder folder;
  Mask mask;
  mask.pixels = cv::Mat::zeros(19, 26, CV_8UC1);
  mask.pixels(cv::Rect(0, 0, 5, 5)).setTo(255);
  mask.pixels.at<uchar>(2, 2) = 0;
  mask.pixels(cv::Rect(10, 10, 2, 2)).setTo(255);
  mask.slide_width = 2600;
  mask.slide_height = 1900;
  testing::NodeRunner<SaveOutlines> runner("s");
  runner.node().dir = folder.path();
  runner.node().min_area = 40001;
  runner.node().min_hole_area = 10000;
  runner.input("mask", mask).input("slide", Slide::open(small_slide(), "s")).process();
  const json all = json::parse(read_file(folder / "s.geojson"));
  REQUIRE(all["features"].size() == 1);
  CHECK(all["features"][0]["geometry"]["coordinates"].size() == 2);
  CHECK(all["features"][0]["geometry"]["coordinates"][0] ==
        json::parse("[[500,0],[500,500],[0,500],[0,0],[500,0]]"));
}
