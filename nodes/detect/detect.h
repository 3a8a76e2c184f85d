// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/thumbnail.h>

#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Finds tissue on a thumbnail of the slide. See describe().
struct Detect : Map {
  std::string method = "otsu";
  std::optional<int> level;
  std::optional<double> downsample;
  std::optional<double> mpp;
  // otsu, glass, hsv
  std::optional<int> kernel;
  // otsu, glass, saturation
  std::optional<double> contrast;
  // hsv
  std::optional<std::vector<int>> hue, saturation, value;
  // saturation
  std::optional<int> threshold;
  std::optional<bool> use_otsu;
  std::optional<int> median, close;
  // every method
  std::vector<std::string> remove_ink;
  std::optional<int> white_glass, grey_glass;
  double min_object_area = 0;
  double max_hole_area = 0;

  static void describe(Description<Detect>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;

 private:
  Score score() const;
  bool cleans_areas() const { return min_object_area > 0 || max_hole_area > 0; }
  void threshold_scores(cv::Mat& scores) const;
  int largest_kernel() const;
};

}  // namespace flowrun::wsi
