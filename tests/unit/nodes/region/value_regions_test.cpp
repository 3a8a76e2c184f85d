// SPDX-License-Identifier: Apache-2.0
#include "nodes/region/value_regions.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

using namespace flowrun::wsi;

namespace {

cv::Mat drawn(const cv::Mat& values, int downsample, int drawn_at) {
  const std::vector<Class> classes{{"a", 1}, {"b", 2}, {"c", 3}};
  const ClassMask mask(classes, regions_of(values, downsample, SIZE_MAX).value(),
                       std::int64_t{values.cols} * downsample, std::int64_t{values.rows} * downsample);
  cv::Mat out(mask.size(drawn_at), CV_8UC1);
  mask.draw(drawn_at, 0, 0, out);
  return out;
}

}  // namespace

TEST_CASE("regions of values, drawn again, are the same values, and enlarged at a finer resolution") {
  cv::RNG random(7);
  for (int trial = 0; trial < 60; ++trial) {
    // From noise of single pixels to blobs, up to the edges.
    cv::Mat values(random.uniform(1, 40), random.uniform(1, 40), CV_8UC1);
    random.fill(values, cv::RNG::UNIFORM, 0, 4);
    if (trial % 3 > 0) cv::medianBlur(values, values, trial % 3 == 1 ? 3 : 7);
    for (const int downsample : {1, 2, 8}) {
      CAPTURE(trial);
      CAPTURE(downsample);
      CHECK(cv::countNonZero(drawn(values, downsample, downsample) != values) == 0);
      cv::Mat enlarged;
      cv::resize(values, enlarged, {}, downsample, downsample, cv::INTER_NEAREST);
      CHECK(cv::countNonZero(drawn(values, downsample, 1) != enlarged) == 0);
    }
  }
}

TEST_CASE("holes within holes, and pieces that touch at corners only") {
  const cv::Mat values = (cv::Mat_<std::uint8_t>(7, 9) << 1, 1, 1, 1, 1, 1, 1, 0, 2,  //
                          1, 0, 0, 0, 0, 0, 1, 2, 0,                                  //
                          1, 0, 1, 1, 1, 0, 1, 0, 2,                                  //
                          1, 0, 1, 0, 1, 0, 1, 2, 0,                                  //
                          1, 0, 1, 1, 0, 2, 1, 0, 3,                                  //
                          1, 0, 0, 0, 2, 0, 1, 3, 3,                                  //
                          1, 1, 1, 1, 1, 1, 1, 3, 0);
  CHECK(cv::countNonZero(drawn(values, 4, 4) != values) == 0);
}

TEST_CASE("regions that would take too much memory are not made") {
  cv::Mat values(300, 300, CV_8UC1);
  for (int row = 0; row < values.rows; ++row)
    for (int col = 0; col < values.cols; ++col)
      values.at<std::uint8_t>(row, col) = static_cast<std::uint8_t>((row + col) % 2);
  CHECK(regions_of(values, 4, SIZE_MAX).value().size() == 300 * 300 / 2 + 298 * 298 / 2);
  CHECK_FALSE(regions_of(values, 4, std::size_t{1} << 20).has_value());
}
