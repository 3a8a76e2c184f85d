// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <vector>

namespace flowrun::wsi {

/// Changes training samples at random. See describe().
struct Augment : Map {
  bool flip = true, quarter_turns = true;
  double degrees = 0, translate = 0;
  std::vector<double> scale;
  double brightness = 0, contrast = 0, saturation = 0, hue = 0, stain = 0;
  std::optional<double> stain_shift;
  std::int64_t seed = 0;

  static void describe(Description<Augment>& d);
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;

 private:
  cv::Mat changed(const cv::Mat& rgb, std::uint64_t epoch, std::uint64_t index) const;
};

}  // namespace flowrun::wsi
