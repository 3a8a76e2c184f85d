// SPDX-License-Identifier: Apache-2.0
#include "nodes/extract/extract.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/testing.h>
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
  runner->input("slide", slide()).process();
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
    runner.input("slide", slide()).input("mask", mask).process();
    CHECK(runner.emitted("tile") == static_cast<std::size_t>(expected));
    if (expected > 0) CHECK(*runner.output<Tile>("tile").coverage == doctest::Approx(0.48));
  }
}

TEST_CASE("padding is no tissue and no class") {
  Mask mask;
  mask.pixels = cv::Mat(19, 26, CV_8UC1, cv::Scalar(255));
  mask.slide_width = 2600;
  mask.slide_height = 1900;
  const std::vector<std::vector<cv::Point2d>> all{{{0, 0}, {2600, 0}, {2600, 1900}, {0, 1900}}};
  const ClassMask classes({{"tumor", 1, {200, 0, 0}}}, {{1, all}}, 2600, 1900);
  testing::NodeRunner<Extract> runner;
  runner.node().size = 1000;
  runner.node().edge = "pad";
  runner.node().min_coverage = 0;
  runner.node().label = "share";
  runner.node().min_label_share = 0.55;
  runner.input("slide", slide()).input("mask", mask).input("classes", classes).process();
  REQUIRE(runner.emitted("tile") == 6);
  // 1000, 1000 and 600 of 1000 columns lie on the slide, 1000 and 900 of 1000 rows.
  const double expected[] = {1, 1, 0.6, 0.9, 0.9, 0.54};
  for (std::size_t i = 0; i < 6; ++i) {
    CHECK(*runner.output<Tile>("tile", i).coverage == doctest::Approx(expected[i]));
    CHECK(runner.output<Tile>("tile", i).label == (expected[i] < 0.55 ? "" : "tumor"));
  }
}

TEST_CASE("places at fractional downsamples are rounded, and lead back to the same pixels") {
  const cv::Mat rgb(1501, 1501, CV_8UC3, cv::Scalar::all(9));
  auto facts = std::make_shared<SlideFacts>(testing::fake_slide(rgb).facts());
  facts->levels.push_back({1001, 1001, 1501.0 / 1001});
  const Slide between(facts, nullptr);
  Grid grid(between, Sampling::at_level(between, 1), 7, 7, Edge::drop);
  while (const auto cell = grid.next()) {
    CHECK(std::abs(static_cast<double>(cell->x) - static_cast<double>(cell->column) * 1501 / 1001) <= 0.5);
    CHECK(grid.at(cell->x, cell->y).column == cell->column);
    CHECK(grid.at(cell->x, cell->y).row == cell->row);
  }
}

TEST_CASE("tiles at the edge can be shifted back inside") {
  Extract options;
  options.edge = "shift";
  const auto runner = tiles_of(options);
  REQUIRE(runner->emitted("tile") == 6 * 4);
  CHECK(runner->output<Tile>("tile", 4).x == 4 * 512);
  CHECK(runner->output<Tile>("tile", 5).x == 2600 - 512);
  CHECK(runner->output<Tile>("tile", 23).y == 1900 - 512);
  options.size = 1300;  // fits exactly: nothing to shift along x
  const auto exact = tiles_of(options);
  REQUIRE(exact->emitted("tile") == 2 * 2);
  CHECK(exact->output<Tile>("tile", 3).y == 600);
  options.size = 2000;
  CHECK(tiles_of(options)->emitted("tile") == 0);
}

TEST_CASE("size in microns, overlap, magnification") {
  Extract options;
  options.size_microns = 256;
  options.mpp = 1;
  options.overlap = 56;
  const auto runner = tiles_of(options);
  const Tile& second = runner->output<Tile>("tile", 1);
  CHECK(second.pixels.cols == 256);
  CHECK(second.x == 400);  // 200 tile pixels of 1 micron, at 0.5 microns
  CHECK(second.overlap == 56);
  CHECK(!second.untouched);
  Extract by_power;
  by_power.size = 100;
  by_power.magnification = 5;  // the slide has 20: level 1
  const auto coarse = tiles_of(by_power);
  CHECK(coarse->output<Tile>("tile").level == 1);
  CHECK(coarse->output<Tile>("tile").extent == doctest::Approx(400));
  CHECK(coarse->output<Tile>("tile").untouched);
  by_power.magnification = 40;
  CHECK_THROWS_WITH_AS(tiles_of(by_power), doctest::Contains("the slide was scanned at 20"), Error);
}

TEST_CASE("sizes and distances that contradict each other are mistakes") {
  const auto refuse = [](auto change, const char* option) {
    Extract extract;
    change(extract);
    Costs costs;
    try {
      extract.plan(costs);
      FAIL("accepted");
    } catch (const OptionError& mistake) {
      CHECK(mistake.option == option);
    }
  };
  refuse([](Extract& e) { e.size_microns = 100; }, "size_microns");
  refuse([](Extract& e) { e.size_microns = 1e6, e.mpp = 0.25; }, "size_microns");
  refuse([](Extract& e) { e.overlap = 10, e.stride = 10; }, "overlap");
  refuse([](Extract& e) { e.overlap = 512; }, "overlap");
  refuse([](Extract& e) { e.level = 0, e.magnification = 20; }, "magnification");
}

namespace {

/// Tumour over the left of the slide's upper half, stroma over 40 % of the tile beside it.
ClassMask annotations() {
  const auto box = [](std::uint8_t value, double x, double y, double w, double h) {
    return Region{value, {{{x, y}, {x + w, y}, {x + w, y + h}, {x, y + h}}}};
  };
  return ClassMask({{"tumor", 1, {}}, {"stroma", 2, {}}}, {box(1, 0, 0, 512, 512), box(2, 512, 0, 205, 512)},
                   2600, 1900);
}

std::vector<std::string> labels(const Extract& options) {
  testing::NodeRunner<Extract> runner;
  runner.node() = options;
  runner.input("slide", slide()).input("classes", annotations()).process();
  std::vector<std::string> all;
  for (std::size_t i = 0; i < runner.emitted("tile"); ++i)
    all.push_back(runner.output<Tile>("tile", i).label);
  return all;
}

}  // namespace

TEST_CASE("labels come from the class mask, by majority or from a share on") {
  Extract options;
  options.no_class = "normal";
  auto all = labels(options);
  REQUIRE(all.size() == 15);
  CHECK(all[0] == "tumor");
  CHECK(all[1] == "normal");  // 60 % of it is nothing
  CHECK(all[14] == "normal");
  options.label = "share";
  options.min_label_share = 0.3;
  all = labels(options);
  CHECK(all[0] == "tumor");
  CHECK(all[1] == "stroma");
  CHECK(all[2] == "normal");
}

TEST_CASE("tiles without the wanted classes are left out") {
  Extract options;
  options.min_class_coverage = 0.3;
  CHECK(labels(options).size() == 2);
  options.classes = {"tumor"};
  CHECK(labels(options).size() == 1);
  options.classes = {"necrosis"};
  CHECK_THROWS_WITH_AS(labels(options), doctest::Contains("the annotations know tumor, stroma"), Error);
}

TEST_CASE("a capped sample depends on seed and slide alone; a larger cap adds to it") {
  const auto places = [](int cap, std::int64_t seed) {
    Extract options;
    options.size = 64;
    options.max_tiles = cap;
    options.seed = seed;
    const auto runner = tiles_of(options);
    std::vector<std::pair<std::int64_t, std::int64_t>> all;
    for (std::size_t i = 0; i < runner->emitted("tile"); ++i)
      all.emplace_back(runner->output<Tile>("tile", i).y, runner->output<Tile>("tile", i).x);
    CHECK(std::is_sorted(all.begin(), all.end()));
    return all;
  };
  const auto few = places(20, 1), more = places(60, 1);
  CHECK(few.size() == 20);
  CHECK(few == places(20, 1));
  CHECK(few != places(20, 2));
  CHECK(std::includes(more.begin(), more.end(), few.begin(), few.end()));
  CHECK(places(5000, 1).size() == 40 * 29);
  // Drawn evenly: of 600 of 1160 tiles about half lie in the upper half.
  const auto half = places(600, 3);
  const auto upper = std::count_if(half.begin(), half.end(), [](const auto& p) { return p.first < 14 * 64; });
  CHECK(upper > 250);
  CHECK(upper < 330);
}

TEST_CASE("a cap for each class") {
  Extract options;
  options.size = 64;
  options.max_tiles_per_class = 7;
  options.label = "share";
  options.min_label_share = 0.5;
  const auto all = labels(options);
  CHECK(all.size() == 21);
  for (const char* name : {"tumor", "stroma", ""}) CHECK(std::count(all.begin(), all.end(), name) == 7);
  options.max_tiles = 10;
  CHECK(labels(options).size() == 10);
}

TEST_CASE("tiles where a table says, with its labels; other slides' rows do not count") {
  TemporaryFolder folder;
  write_file(folder / "s.csv",
             "slide,x,y,size,level,label\ns,300,200,64,1,tumor\nother,0,0,64,1,\ns,0,0,64,1,\n");
  Extract options;
  options.coordinates = {folder / "{slide}.csv"};
  CHECK_THROWS_WITH_AS(tiles_of(options),
                       doctest::Contains("tiles of 64 pixels, but `size` is 512; give size: 64"), Error);
  options.size = 64;
  const auto runner = tiles_of(options);
  REQUIRE(runner->emitted("tile") == 2);
  const Tile& first = runner->output<Tile>("tile");
  CHECK(first.x == 300);
  CHECK(first.y == 200);
  CHECK(first.level == 1);
  CHECK(first.label == "tumor");
  CHECK(first.extent == doctest::Approx(256));
  cv::Mat expected(64, 64, CV_8UC3);
  slide().read(1, 75, 50, expected);
  CHECK(cv::norm(first.pixels, expected, cv::NORM_INF) == 0);
  CHECK(runner->output<Tile>("tile", 1).label.empty());
  options.coordinates = {folder / "gone/{slide}.csv"};
  CHECK_THROWS_WITH_AS(tiles_of(options), doctest::Contains("gone/s.csv; correct `coordinates`"), Error);
}

TEST_CASE("tiles get their slide's label from a table") {
  TemporaryFolder folder;
  write_file(folder / "labels.csv", "slide_id,label\nsmall.svs,luad\n");
  Extract options;
  options.labels = folder / "labels.csv";
  Costs costs;
  options.plan(costs);
  CHECK(tiles_of(options)->output<Tile>("tile").label == "luad");
  write_file(folder / "labels.csv", "slide,label\nanother,luad\n");
  options.plan(costs);
  CHECK_THROWS_WITH_AS(tiles_of(options), doctest::Contains("labels.csv has no row for this slide"), Error);
  options.labels = folder / "gone.csv";
  CHECK_THROWS_AS(options.plan(costs), OptionError);
}
