// SPDX-License-Identifier: Apache-2.0
#include "nodes/save/save.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

/// A tile of the small slide, as extract makes them.
Tile tile_at(const Slide& slide, std::int64_t x, std::int64_t y, int size) {
  Tile tile;
  tile.pixels.create(size, size, CV_8UC3);
  slide.read(0, x, y, tile.pixels);
  tile.x = x;
  tile.y = y;
  tile.extent = size;
  tile.mpp = 0.5;
  tile.label = "tumor";
  tile.untouched = true;
  tile.slide = slide.share_facts();
  return tile;
}

/// What is written for these tiles.
void save(const Save& options, const std::vector<Tile>& tiles) {
  testing::NodeRunner<Save> runner("s");
  runner.node() = options;
  runner.input("slide", Slide::open(small_slide(), "s"));
  for (const Tile& tile : tiles) runner.input("tile", tile).process();
  runner.finish();
}

cv::Mat read_rgb(const std::filesystem::path& file) {
  cv::Mat image = cv::imread(file.string(), cv::IMREAD_COLOR);
  cv::cvtColor(image, image, cv::COLOR_BGR2RGB);
  return image;
}

}  // namespace

TEST_CASE("JPEG tiles that are the slide's own are copied, others are compressed") {
  TemporaryFolder out;
  const Slide slide = Slide::open(small_slide(), "s");
  Tile changed = tile_at(slide, 512, 256, 256);
  changed.untouched = false;
  Save options;
  options.dir = out.path();
  options.format = "jpg";
  options.quality = 30;
  save(options, {tile_at(slide, 256, 256, 256), tile_at(slide, 300, 256, 256), changed});
  const auto difference = [&](std::int64_t x) {
    cv::Mat expected(256, 256, CV_8UC3);
    slide.read(0, x, 256, expected);
    return cv::norm(read_rgb(out / fmt::format("s/s_x{}_y256.jpg", x)), expected, cv::NORM_INF);
  };
  CHECK(difference(256) == 0);
  CHECK(difference(300) > 0);
  CHECK(difference(512) > 0);
}

TEST_CASE("JPEG tiles that come without pixels are copied, or read then") {
  TemporaryFolder with, without;
  const Slide slide = Slide::open(small_slide(), "s");
  Save options;
  options.format = "jpg";
  const auto save_to = [&](const TemporaryFolder& out, bool pixels) {
    std::vector<Tile> tiles{tile_at(slide, 256, 256, 256), tile_at(slide, 300, 256, 256)};
    for (Tile& tile : tiles)
      if (!pixels) tile.pixels.release(), tile.unread_size = 256;
    options.dir = out.path();
    save(options, tiles);
  };
  save_to(with, true);
  save_to(without, false);
  for (const char* file : {"s/s_x256_y256.jpg", "s/s_x300_y256.jpg", "s/tiles.csv"})
    CHECK(read_file(without / file) == read_file(with / file));
}

TEST_CASE("with passthrough off every tile is compressed") {
  TemporaryFolder out;
  const Slide slide = Slide::open(small_slide(), "s");
  Save options;
  options.dir = out.path();
  options.format = "jpg";
  options.quality = 30;
  options.passthrough = false;
  save(options, {tile_at(slide, 256, 256, 256)});
  cv::Mat expected(256, 256, CV_8UC3);
  slide.read(0, 256, 256, expected);
  CHECK(cv::norm(read_rgb(out / "s/s_x256_y256.jpg"), expected, cv::NORM_INF) > 0);
}

TEST_CASE("small PNGs show the same pixels") {
  TemporaryFolder fast, small;
  const Slide slide = Slide::open(small_slide(), "s");
  Save options;
  options.dir = fast.path();
  save(options, {tile_at(slide, 700, 700, 301)});
  options.dir = small.path();
  options.effort = "small";
  save(options, {tile_at(slide, 700, 700, 301)});
  const std::string name = "s/s_x700_y700.png";
  CHECK(cv::norm(read_rgb(fast / name), read_rgb(small / name), cv::NORM_INF) == 0);
  CHECK(std::filesystem::file_size(small / name) < std::filesystem::file_size(fast / name));
}

TEST_CASE("tables as CSV, TSV and JSON lines; without files they say why tiles were dropped") {
  const Slide slide = Slide::open(small_slide(), "s");
  Tile dropped = tile_at(slide, 64, 128, 32);
  dropped.coverage = 0.25;
  dropped.dropped_because = "blurred";
  const auto table = [&](const char* format, const char* kind) {
    TemporaryFolder out;
    Save options;
    options.dir = out.path();
    options.format = format;
    options.table = kind;
    save(options, {dropped});
    CHECK(std::filesystem::exists(out / "s/s_x64_y128.png") == (std::string(format) == "png"));
    return read_file(out / fmt::format("s/tiles.{}", kind));
  };
  CHECK(table("png", "csv") ==
        "path,slide,x,y,level,size,mpp,coverage,label\ns_x64_y128.png,s,64,128,0,32,0.5,0.25,tumor\n");
  CHECK(table("none", "tsv") ==
        "slide\tx\ty\tlevel\tsize\tmpp\tcoverage\tlabel\tdropped_because\ns\t64\t128\t0\t32\t0.5\t0."
        "25\ttumor\tblurred\n");
  CHECK(table("png", "jsonl") ==
        "{\"path\":\"s_x64_y128.png\",\"slide\":\"s\",\"x\":64,\"y\":128,\"level\":0,\"size\":32,\"mpp\":0.5,"
        "\"coverage\":0.25,\"label\":\"tumor\"}\n");
}

TEST_CASE(
    "samples of an epoch have files of their own, wherever they are from and however often they are drawn") {
  TemporaryFolder out;
  const auto sample = [](const char* slide, int grey) {
    Tile tile;
    tile.pixels = cv::Mat(8, 8, CV_8UC3, cv::Scalar::all(grey));
    auto facts = std::make_shared<SlideFacts>();
    facts->name = slide;
    tile.slide = std::move(facts);
    tile.sample = std::make_shared<Sample>();
    return tile;
  };
  testing::NodeRunner<Save> runner("epoch-0000", "epoch");
  runner.node().dir = out.path();
  for (const Tile& tile : {sample("a", 10), sample("b", 20), sample("a", 10)})
    runner.input("tile", tile).process();
  runner.index(7).input("tile", sample("../c", 30)).process();  // some between were skipped
  runner.finish();
  CHECK(read_file(out / "epoch-0000/tiles.csv") ==
        "path,slide,x,y,level,size,mpp,coverage,label\n"
        "epoch-0000_000000.png,a,0,0,0,8,,,\n"
        "epoch-0000_000001.png,b,0,0,0,8,,,\n"
        "epoch-0000_000002.png,a,0,0,0,8,,,\n"
        "epoch-0000_000007.png,../c,0,0,0,8,,,\n");
  CHECK(read_rgb(out / "epoch-0000/epoch-0000_000001.png").at<cv::Vec3b>(0, 0)[0] == 20);
  CHECK(read_rgb(out / "epoch-0000/epoch-0000_000007.png").at<cv::Vec3b>(0, 0)[0] == 30);
}
