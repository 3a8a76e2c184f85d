// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Drops tiles that are not worth keeping. See describe().
struct Filter : Map {
  std::optional<double> max_white, max_black, max_ink, min_tissue, min_sharpness;
  int white_level = 220, black_level = 40, tissue_saturation = 20;
  std::vector<std::string> inks{"blue", "green", "red", "black"};

  static void describe(Description<Filter>& d);
  bool needs_content(std::string_view input, const Costs& costs) const override;
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;

 private:
  bool measures() const;
  struct Sharpness;
  /// Why the tile is dropped; empty: it is kept. Adds its sharpness, where that is looked at.
  std::string reason_against(const cv::Mat& rgb, Sharpness& of_slide, Outputs& out) const;
};

}  // namespace flowrun::wsi
