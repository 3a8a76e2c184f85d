// SPDX-License-Identifier: Apache-2.0
#include "nodes/save_dzi/save_dzi.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/slide.h>

#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include "../slides.h"
#include "../tiffs.h"
#include "nodes/save_dzi/deep_zoom.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

TEST_CASE("DeepZoom levels and tiles of a slide, counted by hand") {
  const DeepZoom zoom{{1000, 509}, 254, 1};
  REQUIRE(zoom.last_level() == 10);
  CHECK(zoom.size_of(10) == cv::Size(1000, 509));
  CHECK(zoom.size_of(9) == cv::Size(500, 255));
  CHECK(zoom.size_of(1) == cv::Size(2, 1));
  CHECK(zoom.size_of(0) == cv::Size(1, 1));
  CHECK(zoom.columns(10) == 4);
  CHECK(zoom.rows(10) == 3);  // the last one of a single row
  CHECK(zoom.rows(9) == 2);
  CHECK(zoom.window(10, 0, 0) == cv::Rect(0, 0, 255, 255));
  CHECK(zoom.window(10, 1, 1) == cv::Rect(253, 253, 256, 256));
  CHECK(zoom.window(10, 3, 2) == cv::Rect(761, 507, 239, 2));
  CHECK(DeepZoom{{1024, 1}, 254, 1}.last_level() == 10);
  CHECK(DeepZoom{{1025, 1}, 254, 1}.last_level() == 11);
  CHECK(DeepZoom{{1, 1}, 254, 1}.last_level() == 0);
  CHECK(zoom.pixels(10) == 509'000);
  CHECK(DeepZoom{{100'000, 100'000}, 254, 1}.pixels(17) == 10'000'000'000);
}

TEST_CASE("DeepZoom tiles show the slide, with their overlap") {
  const TemporaryFolder folder;
  testing::NodeRunner<SaveDzi> run("s");
  run.node().dir = folder.path();
  run.node().format = "png";
  run.node().tile_size = 200;
  run.node().overlap = 3;
  const Slide slide = Slide::open(small_slide(), "s");  // 2600 x 1900
  run.input("slide", slide).process();

  cv::Mat whole(1900, 2600, CV_8UC3), bgr;
  slide.read(0, 0, 0, whole);
  cv::cvtColor(whole, bgr, cv::COLOR_RGB2BGR);
  CHECK(equal(cv::imread(folder / "s_files/12/12_9.png"), bgr(cv::Rect(2397, 1797, 203, 103))));
  CHECK(equal(cv::imread(folder / "s_files/12/1_2.png"), bgr(cv::Rect(197, 397, 206, 206))));
  CHECK(!std::filesystem::exists(folder / "s_files/12/13_0.png"));
  CHECK(!std::filesystem::exists(folder / "s_files/13"));
  cv::Mat half;
  cv::resize(bgr, half, {1300, 950}, 0, 0, cv::INTER_AREA);
  CHECK(equal(cv::imread(folder / "s_files/11/6_4.png"), half(cv::Rect(1197, 797, 103, 153))));
  CHECK(cv::imread(folder / "s_files/0/0_0.png").size() == cv::Size(1, 1));
  CHECK(read_file(folder / "s.dzi") ==
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<Image xmlns=\"http://schemas.microsoft.com/deepzoom/2008\" Format=\"png\" Overlap=\"3\" "
        "TileSize=\"200\">\n"
        "  <Size Width=\"2600\" Height=\"1900\"/>\n</Image>\n");
}
