// SPDX-License-Identifier: Apache-2.0
#include "nodes/heat/heat_map.h"

#include <doctest/doctest.h>
#include <flowrun/wsi/testing.h>

#include <opencv2/core.hpp>

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
