// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

/// Slides and tiles for tests of nodes, made of a picture in memory.
namespace flowrun::testing {

struct FakeSlide {
  std::string name = "fake";
  std::optional<double> mpp = 0.5;  ///< microns per level-0 pixel
  std::optional<double> objective_power = 20;
  std::vector<int> downsamples{1};  ///< of the levels; the first is 1
  std::string problem = {};         ///< not empty: every read throws Error with it
};

/// A slide whose level 0 is `rgb` (rows x cols x 3, 8 bit), which it copies; the other levels are averages of
/// it (cv::INTER_AREA), rounded down to whole pixels. Its path is NAME.fake, where there is no file.
/// Throws std::invalid_argument when `rgb` is empty or of another type, or a downsample is no fit.
wsi::Slide fake_slide(const cv::Mat& rgb, const FakeSlide& options = {});

/// The square of `size` pixels of `level` whose top left corner is level-0 pixel (x, y), as `extract` gives
/// it without a mask: beyond the slide's edge it is white.
wsi::Tile fake_tile(const wsi::Slide& slide, std::int64_t x, std::int64_t y, int size, int level = 0);

}  // namespace flowrun::testing
