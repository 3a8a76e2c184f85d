// SPDX-License-Identifier: Apache-2.0
#include "nodes/heat/heat_map.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/testing.h>

#include <memory>
#include <opencv2/core.hpp>
#include <utility>

using namespace flowrun;
using namespace flowrun::wsi;

TEST_CASE("heat map: tiles of a fractional extent leave no gap between them") {
  const cv::Mat white(40, 60, CV_8UC3, cv::Scalar(255, 255, 255));
  for (const double extent : {10.6, 10.5, 9.8, 8.51}) {
    HeatMap heat(testing::fake_slide(white));
    // As extract places them: the second begins at the first's end, rounded.
    const auto second = static_cast<std::int64_t>(extent + 0.5);
    heat.add_tile(0, 0, extent, 1);
    heat.add_tile(second, 0, extent, 1);
    const cv::Mat drawn = heat.draw();
    for (int x = 0; x < 60; ++x) {
      CAPTURE(extent);
      CAPTURE(x);
      const bool shown = drawn.at<cv::Vec3b>(0, x) != cv::Vec3b(255, 255, 255);
      CHECK(shown == (x < static_cast<int>(static_cast<double>(second) + extent + 0.5)));
    }
  }
}

namespace {

class Grey final : public PixelReader {
 public:
  void read(int, std::int64_t, std::int64_t, cv::Mat& rgb) override { rgb.setTo(cv::Scalar::all(200)); }
};

}  // namespace

TEST_CASE("heat map: the TIFF of a slide of 100,000 x 60,000 pixels has 49 x 49 of them in one") {
  auto facts = std::make_shared<SlideFacts>();
  facts->name = "large";
  facts->levels = {{100'000, 60'000, 1}};
  facts->mpp = 0.25;
  HeatMap heat(Slide(facts, std::make_shared<Grey>()));
  CHECK(heat.downsample() == 49);
  // Tiles of 256 at a stride of 128: a place inside is in four. In the left half all say 0, else 0 and 1 by
  // row.
  for (std::int64_t y = 0; y + 256 <= 60'000; y += 128)
    for (std::int64_t x = 0; x + 256 <= 100'000; x += 128)
      heat.add_tile(x, y, 256, x < 50'000 ? 0.0 : static_cast<double>(y / 128 % 2));
  const flowrun::testing::TemporaryFolder folder;
  heat.write_tiff(folder / "heat.tif", 0, 1);
  const Slide tiff = Slide::open(folder / "heat.tif", "heat");
  CHECK(tiff.facts().width() == 2041);  // 100,000 / 49, rounded up
  CHECK(tiff.facts().height() == 1225);
  CHECK(tiff.level_count() == 2);
  CHECK(tiff.facts().mpp.value() == doctest::Approx(0.25 * 49).epsilon(1e-4));
  const auto pixel = [&](std::int64_t x, std::int64_t y) {
    cv::Mat rgb(1, 1, CV_8UC3);
    tiff.read(0, x, y, rgb);
    return rgb.at<cv::Vec3b>(0, 0);
  };
  const auto colour = [](double share) {
    const auto rgb = heat_colour(share);
    return cv::Vec3b(rgb[0], rgb[1], rgb[2]);
  };
  CHECK(pixel(500, 600) == colour(0));
  CHECK(pixel(1500, 600) == colour(0.5));                // of two rows that say 0 and 1
  CHECK(pixel(1500, 0) == colour(0));                    // where only the first row is
  CHECK(pixel(2040, 1224) == cv::Vec3b(255, 255, 255));  // the last tile ends before
}

TEST_CASE("heat map: halves of halves are means of the tiles in them") {
  TileMeans means({4, 4});
  means.add({0, 0, 1, 1}, 1);
  means.add({1, 0, 1, 1}, 0.5);
  means.add({1, 0, 1, 1}, 0);
  const TileMeans quarter = means.halved().halved();
  CHECK(quarter.size() == cv::Size(1, 1));
  REQUIRE(quarter.range().has_value());
  CHECK(quarter.range()->first == doctest::Approx(0.5));  // of three tiles
  CHECK(TileMeans({4, 4}).halved().range() == std::nullopt);
}
