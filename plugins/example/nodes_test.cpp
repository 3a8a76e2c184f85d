// SPDX-License-Identifier: Apache-2.0
// Tests of the three nodes, each without a graph. Whatever is wrong is thrown.
#include "nodes.h"

#include <flowrun/testing.h>
#include <flowrun/wsi/testing.h>

#include <fstream>
#include <opencv2/core.hpp>
#include <sstream>

#include "focus.h"

using flowrun::testing::expect;
using flowrun::testing::fake_slide;
using flowrun::testing::fake_tile;
using flowrun::testing::NodeRunner;
using flowrun::testing::TemporaryFolder;
using flowrun::wsi::Slide;

namespace {

/// 40 x 20 pixels, grey; one white pixel in the middle of the right half makes that half sharp.
Slide half_sharp() {
  cv::Mat rgb(20, 40, CV_8UC3, cv::Scalar::all(100));
  rgb.at<cv::Vec3b>(10, 30) = cv::Vec3b::all(200);
  return fake_slide(rgb, {.name = "case1"});
}

void test_sharpness() {
  cv::Mat rgb(10, 10, CV_8UC3, cv::Scalar::all(0));
  expect(sharpness(rgb) == 0, "a plain image is not sharp at all");
  rgb.at<cv::Vec3b>(5, 5) = cv::Vec3b::all(100);
  // By hand: the Laplacian is -400 there, 100 at its four neighbours, in the mean 0.
  expect(std::abs(sharpness(rgb) - (400.0 * 400 + 4 * 100.0 * 100) / 100) < 1e-9,
         "the variance of the Laplacian");
}

void test_filter() {
  NodeRunner<FocusFilter> runner;
  runner.option("min_sharpness", "1");
  const Slide slide = half_sharp();
  runner.input("tile", fake_tile(slide, 0, 0, 20)).process().expect_emitted("tile", 0);
  runner.input("tile", fake_tile(slide, 20, 0, 20)).process().expect_emitted("tile", 1);
  expect(runner.drop_reasons() == std::vector<std::string>{"blurred"}, "it says why it dropped a tile");
  expect(runner.plan({{"tile", 1200}}).outputs.at("tile").forwarded == "tile",
         "tiles are passed on, not copied");
}

void test_table() {
  const TemporaryFolder folder;
  NodeRunner<FocusTable> runner("case1", "slide");
  runner.option("dir", folder.path().string());
  const Slide slide = half_sharp();
  runner.input("tile", fake_tile(slide, 0, 0, 20)).process();
  runner.input("tile", fake_tile(slide, 20, 0, 20)).process().finish();
  std::stringstream text;
  text << std::ifstream(folder / "case1.csv").rdbuf();
  expect(text.str() == "x,y,sharpness\n0,0,0.000000\n20,0,500.000000\n", "the table: " + text.str());
}

void test_source() {
  const TemporaryFolder folder;
  std::ofstream(folder / "b.tiny", std::ios::binary) << "TINY 1 2 1 0.25\n"
                                                     << "\1\2\3\4\5\6";
  std::ofstream(folder / "a.tiny", std::ios::binary) << "TINY 1 1 1 0.5\n"
                                                     << "\7\7\7";
  NodeRunner<ReadTiny> runner;
  runner.option("path", folder.path().string()).process().expect_emitted("slide", 2);
  expect(runner.opened()[1].name == "b", "slides are sorted, and scopes have their names");
  const Slide& slide = runner.output<Slide>("slide", 1);
  expect(slide.facts().mpp == 0.25 && slide.facts().width() == 2, "facts come from the header");
  cv::Mat rgb(1, 3, CV_8UC3);
  slide.read(0, 0, 0, rgb);
  expect(rgb.at<cv::Vec3b>(0, 1) == cv::Vec3b(4, 5, 6), "pixels come from the file");
  expect(rgb.at<cv::Vec3b>(0, 2) == cv::Vec3b::all(255), "beyond the edge there is background");
}

void test_broken_files() {
  for (const auto& [content, why] : std::vector<std::pair<std::string, std::string>>{
           {"P6 1 1 255\n", "not a tiny slide"},
           {"TINY 2 1 1 0.5\n\1\1\1", "version 2"},
           {"TINY 1 0 1 0.5\n", "0 x 1 pixels"},
           {"TINY 1 1 1 0\n\1\1\1", "no positive number"},
           {"TINY 1 1 1 0.5\n\1\1", "expected 18 bytes, found 17"}}) {
    const TemporaryFolder folder;
    std::ofstream(folder / "a.tiny", std::ios::binary) << content;
    NodeRunner<ReadTiny> runner;
    runner.option("path", (folder / "a.tiny").string());
    std::string said = "nothing";
    try {
      runner.process();
    } catch (const flowrun::Error& problem) {
      said = problem.what();
    }
    expect(said.find(why) != std::string::npos, "expected '" + why + "', found: " + said);
  }
}

}  // namespace

int main() {
  test_sharpness();
  test_filter();
  test_table();
  test_source();
  test_broken_files();
}
