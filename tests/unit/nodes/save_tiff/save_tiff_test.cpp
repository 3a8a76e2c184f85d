// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_tiff/save_tiff.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>

#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "../tiffs.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

using Runner = testing::NodeRunner<SaveTiff>;

const Slide& slide() {
  static const Slide opened = Slide::open(small_slide(), "s");
  return opened;
}  // 2600 x 1900, 0.5 microns, levels 1 and 4

std::unique_ptr<Runner> tiff_runner(const std::filesystem::path& dir, const char* compression = "deflate") {
  auto out = std::make_unique<Runner>("s");
  out->node().dir = dir;
  out->node().compression = compression;
  return out;
}

cv::Mat pixels(int level) {
  cv::Mat rgb(static_cast<int>(slide().level(level).height), static_cast<int>(slide().level(level).width),
              CV_8UC3);
  slide().read(level, 0, 0, rgb);
  return rgb;
}

/// Half the size, from pixels whose number is even.
cv::Mat half(const cv::Mat& picture) {
  cv::Mat out;
  const cv::Size size(picture.cols / 2, picture.rows / 2);
  cv::resize(picture(cv::Rect(0, 0, 2 * size.width, 2 * size.height)), out, size, 0, 0, cv::INTER_AREA);
  return out;
}

Tile tile(int column, int row, int side, int level = 0) {
  Tile out;
  const double downsample = slide().level(level).downsample;
  out.pixels.create(side, side, CV_8UC3);
  slide().read(level, column * side, row * side, out.pixels);
  out.x = static_cast<std::int64_t>(column * side * downsample);
  out.y = static_cast<std::int64_t>(row * side * downsample);
  out.level = level;
  out.extent = side * downsample;
  out.mpp = 0.5 * downsample;
  out.slide = slide().share_facts();
  return out;
}

std::string failure(const Tile& first, const Tile& second) {
  const TemporaryFolder folder;
  const auto run = tiff_runner(folder.path());
  try {
    run->input("tile", first).process();
    run->input("tile", second).process();
  } catch (const Error& problem) {
    return problem.what();
  }
  return {};
}

}  // namespace

TEST_CASE("a slide is converted without loss, each level the mean of the one before") {
  const TemporaryFolder folder;
  auto run = tiff_runner(folder.path());
  run->input("slide", slide()).process().finish();
  const auto images = read_tiff(folder / "s.tif");
  REQUIRE(images.size() == 2);  // 2600 x 1900, 1300 x 950
  cv::Mat expected = pixels(0);
  for (const TiffImage& image : images) {
    CHECK(image.tile == 512);
    CHECK(equal(image.pixels, expected));
    expected = half(expected);
  }
  CHECK(Slide::open(folder / "s.tif", "s").facts().mpp == doctest::Approx(0.5));
}

TEST_CASE("or as JPEG, from another level") {
  const TemporaryFolder folder;
  auto run = tiff_runner(folder.path(), "jpeg");
  run->node().level = 1;
  run->node().quality = 95;
  run->input("slide", slide()).process().finish();
  const auto images = read_tiff(folder / "s.tif");
  REQUIRE(images.size() == 2);
  CHECK(images[0].x_resolution == doctest::Approx(5000));
  CHECK(difference(images[0].pixels, pixels(1)) < 6);
  CHECK(difference(images[1].pixels, half(pixels(1))) < 6);
}

TEST_CASE("tiles in any order become a slide, with background in the gaps") {
  const TemporaryFolder folder;
  auto run = tiff_runner(folder.path());
  cv::Mat expected(1900, 2600, CV_8UC3, cv::Scalar::all(255));
  for (const cv::Point& place : {cv::Point(5, 3), {0, 0}, {10, 7}, {4, 3}, {9, 0}}) {
    const Tile t = tile(place.x, place.y, 240);
    run->input("tile", t).process();
    const cv::Rect inside = cv::Rect(place * 240, cv::Size(240, 240)) & cv::Rect(0, 0, 2600, 1900);
    t.pixels(cv::Rect({}, inside.size())).copyTo(expected(inside));
  }
  run->finish();
  const auto images = read_tiff(folder / "s.tif");
  REQUIRE(images.size() == 3);  // 2600 x 1900, 1300 x 950, 650 x 475
  for (const TiffImage& image : images) {
    CHECK(image.tile == 240);
    CHECK(equal(image.pixels, expected));
    expected = half(expected);
  }
  CHECK(images[0].x_resolution == doctest::Approx(20000));
}

TEST_CASE("tiles of another level make a slide of its size") {
  const TemporaryFolder folder;
  auto run = tiff_runner(folder.path());
  for (int row = 0; row < 8; ++row)
    for (int column = 0; column < 11; ++column) run->input("tile", tile(column, row, 64, 1)).process();
  run->finish();
  const auto images = read_tiff(folder / "s.tif");
  CHECK(equal(images.at(0).pixels, pixels(1)));
  CHECK(images[0].x_resolution == doctest::Approx(5000));
}

TEST_CASE("tiles that make no TIFF are refused with what is right") {
  CHECK(failure(tile(0, 0, 100), tile(1, 0, 100)) ==
        "tiles of 100 x 100 pixels cannot be those of a TIFF, whose sides are multiples of 16: make them 96 "
        "or 112 "
        "pixels");
  Tile shifted = tile(1, 0, 64);
  shifted.x -= 32;
  CHECK(failure(tile(0, 0, 64), shifted) ==
        "the tile at x=32, y=0 overlaps its neighbour or lies beside the grid of 64 level-0 pixels: a TIFF "
        "needs "
        "tiles side by side, extracted with stride = size");
  Tile overlapping = tile(0, 0, 64);
  overlapping.overlap = 8;
  CHECK(failure(overlapping, overlapping).find("overlaps its neighbour") != std::string::npos);
  CHECK(failure(tile(0, 0, 64), tile(3, 0, 64, 1)) ==
        "the tile at x=768, y=0 is 64 pixels of 4 level-0 pixels each at level 1, but the first one 64 of 1 "
        "at level "
        "0: the tiles of a TIFF are all of one size and resolution");
  CHECK(failure(tile(1, 2, 64), tile(1, 2, 64)) == "there are two tiles at x=64, y=128");
  CHECK(failure(tile(0, 0, 64), tile(41, 0, 64)) == "the tile at x=2624, y=0 lies outside the slide");
}

TEST_CASE("without tiles there is no file; with neither or both inputs no plan") {
  const TemporaryFolder folder;
  tiff_runner(folder.path())->finish();
  CHECK(!std::filesystem::exists(folder / "s.tif"));
  SaveTiff node;
  Costs none, both, tiles;
  both.inputs = {{"slide", 0}, {"tile", 3}};
  tiles.inputs = {{"tile", 512 * 512 * 3}};
  CHECK_THROWS_WITH_AS(node.plan(none), doctest::Contains("neither 'slide' nor 'tile'"), Error);
  CHECK_THROWS_WITH_AS(node.plan(both), doctest::Contains("both 'slide' and 'tile'"), Error);
  CHECK_NOTHROW(node.plan(tiles));
  node.mpp = 1;
  CHECK_THROWS_WITH_AS(node.plan(tiles), "tiles have a resolution of their own", OptionError);
}
