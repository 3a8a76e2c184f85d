// SPDX-License-Identifier: Apache-2.0
#include "nodes/combine/combine.h"

#include <doctest/doctest.h>
#include <flowrun/testing.h>
#include <flowrun/wsi/mask.h>

#include <opencv2/core.hpp>

using namespace flowrun;
using namespace flowrun::wsi;

namespace {

Mask mask_of(cv::Mat pixels) {
  return {std::move(pixels), 400, 400};
}

int tissue(const std::string& method, Mask a, Mask b) {
  testing::NodeRunner<Combine> runner;
  runner.node().method = method;
  runner.input("a", std::move(a)).input("b", std::move(b)).process();
  const Mask& out = runner.output<Mask>("mask");
  CHECK(out.slide_width == 400);
  CHECK(out.pixels.size() == cv::Size(4, 4));
  return cv::countNonZero(out.pixels);
}

}  // namespace

TEST_CASE("masks of different sizes are combined at the larger one's") {
  cv::Mat left(4, 4, CV_8UC1, cv::Scalar(0));
  left.colRange(0, 1).setTo(255);                                        // 4 of 16 pixels
  const cv::Mat top = (cv::Mat_<std::uint8_t>(2, 2) << 255, 255, 0, 0);  // 8 of 16
  CHECK(tissue("intersection", mask_of(left), mask_of(top)) == 2);
  CHECK(tissue("intersection", mask_of(top), mask_of(left)) == 2);
  CHECK(tissue("union", mask_of(left), mask_of(top)) == 10);
}

TEST_CASE("weights that are none are a mistake") {
  Costs costs;
  for (const auto& weights : {std::vector<double>{1}, {1, -1}, {0, 0}}) {
    Combine combine;
    combine.weights = weights;
    CHECK_THROWS_AS(combine.plan(costs), OptionError);
  }
}
