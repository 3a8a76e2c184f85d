// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_h5/save_h5.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/testing.h>

#include <cmath>
#include <opencv2/core.hpp>

#include "nodes/slide/coords_layout.h"
#include "nodes/table/h5_file.h"
#include "support.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

SlideFacts facts(std::optional<double> mpp, std::optional<double> power = {}) {
  SlideFacts slide;
  slide.path = "/slides/s.svs";
  slide.name = "s";
  slide.levels = {{1000, 800, 1}, {250, 200, 4}};
  slide.mpp = mpp;
  slide.objective_power = power;
  return slide;
}

Tile tile(std::int64_t x, std::int64_t y, int size = 8) {
  Tile tile;
  tile.pixels = cv::Mat(size, size, CV_8UC3, cv::Scalar(1, 2, 3));
  tile.x = x;
  tile.y = y;
  tile.extent = size;
  tile.overlap = 2;
  tile.slide = std::make_shared<SlideFacts>(facts(0.25));
  return tile;
}

}  // namespace

TEST_CASE("the magnification of level 0, as TRIDENT finds it") {
  for (const auto& [mpp, magnification] : {std::pair{0.12, 80.0},
                                           {0.16, 60.0},
                                           {0.2, 40.0},
                                           {0.2529, 40.0},
                                           {0.3, 20.0},
                                           {0.499, 20.0},
                                           {0.6, 10.0},
                                           {1.2, 5.0},
                                           {2.39, 5.0}})
    CHECK(level0_magnification(facts(mpp, 17)) == magnification);
  CHECK(level0_magnification(facts({}, 40)) == 40);
  CHECK(level0_magnification(facts(2.4, 2)) == 2);
  CHECK_THROWS_WITH_AS(
      level0_magnification(facts({})),
      "/slides/s.svs: layout trident needs the magnification of level 0, but the file says neither "
      "MPP nor objective power; set save_h5's magnification, or read's mpp",
      Error);
  CHECK_THROWS_WITH_AS(level0_magnification(facts(3)),
                       doctest::Contains("3 microns per pixel are more than TRIDENT knows (2.4)"), Error);
}

TEST_CASE("target_magnification is whole where that says the same, else exact") {
  const auto target = [](int size, double extent) {
    for (const auto& [name, value] : trident_attributes({size, extent}, facts(0.25), ".", {}))
      if (name == "target_magnification") return value;
    return H5Attribute();
  };
  CHECK(target(256, 512) == H5Attribute(std::int64_t{20}));
  CHECK(target(256, 512.1) == H5Attribute(std::int64_t{20}));
  CHECK(target(256, 515) == H5Attribute(40.0 * 256 / 515));
  CHECK(target(512, 8192) == H5Attribute(2.5));
  CHECK(target(512, 65536) == H5Attribute(0.3125));
}

TEST_CASE("CLAM takes tiles of a level only") {
  Tile scaled = tile(0, 0);
  CHECK_NOTHROW(clam_attributes(TileShape(scaled), *scaled.slide, "patches"));
  scaled.level = 1;
  scaled.extent = 32;
  CHECK_NOTHROW(clam_attributes(TileShape(scaled), *scaled.slide, "patches"));
  scaled.extent = 32.1;
  CHECK_THROWS_WITH_AS(
      clam_attributes(TileShape(scaled), *scaled.slide, "patches"),
      doctest::Contains("8 pixels show 32.1 of level 0, at level 1 it would be 32; set extract's level"),
      Error);
}

TEST_CASE("overlap and pixels reach the file; tiles of another kind do not") {
  const TemporaryFolder folder;
  {
    testing::NodeRunner<SaveH5> runner("s");
    runner.node().dir = folder.path();
    runner.node().layout = "trident";
    runner.node().pixels = true;
    Tile part = tile(16, 0);
    part.pixels = cv::Mat(20, 20, CV_8UC3, cv::Scalar(1, 2, 3))(cv::Rect(3, 3, 8, 8));  // of a larger image
    runner.input("tile", tile(8, 0)).process().input("tile", part).process().finish();
  }
  const H5Reader file(folder / "patches/s_patches.h5");
  CHECK(file.number("coords", "overlap") == 2);
  CHECK(file.shape("imgs").dims == std::vector<std::uint64_t>{2, 8, 8, 3});
  std::vector<std::int64_t> rows;
  file.read("coords", 0, 2, rows);
  CHECK(rows == std::vector<std::int64_t>{8, 0, 16, 0});

  testing::NodeRunner<SaveH5> runner("mixed");
  runner.node().dir = folder.path();
  runner.input("tile", tile(8, 0)).process();
  CHECK_THROWS_WITH_AS(runner.input("tile", tile(0, 8, 9)).process(),
                       doctest::Contains("the tile at x 0, y 8 has another size"), Error);
}

TEST_CASE("a file without rows says the extent that extract's tiles would have") {
  for (const auto& [mpp, extent] : {std::pair{0.25, 64.0}, {0.255, 64.0}, {0.26, 66.56}, {1.0, 256.0}}) {
    CAPTURE(mpp);
    const TemporaryFolder folder;
    testing::NodeRunner<SaveH5> runner("s");
    runner.node().dir = folder.path();
    runner.node().layout = "trident";
    runner.node().size = 64;
    runner.node().mpp = mpp;
    const cv::Mat glass(400, 400, CV_8UC3, cv::Scalar::all(240));
    runner.input("slide", testing::fake_slide(glass, {.mpp = 0.25, .downsamples = {1, 4}}));
    runner.finish();
    H5Reader file(folder / "patches/s_patches.h5");
    CHECK(*file.number("coords", "patch_size_level0") == doctest::Approx(std::round(extent)));
  }
}

TEST_CASE("options that contradict each other") {
  const auto fails = [](auto change) {
    SaveH5 node;
    change(node);
    Costs costs;
    CHECK_THROWS_AS(node.plan(costs), OptionError);
  };
  fails([](SaveH5& node) { node.gzip = 1; });
  fails([](SaveH5& node) { node.size = 256; });
  fails([](SaveH5& node) { node.magnification = 20; });
  fails([](SaveH5& node) {
    node.layout = "stamp";
    node.process_list = true;
  });
  fails([](SaveH5& node) {
    node.layout = "trident";
    node.mpp = 1;
  });
  fails([](SaveH5& node) {
    node.layout = "trident";
    node.size = 256;  // without the slide
  });
}
