// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grid.h"
#include "nodes/table/coordinates.h"
#include "nodes/table/slide_labels.h"

namespace flowrun::wsi {

/// Cuts a slide into tiles. See describe().
struct Extract : Make {
  int size = 512;
  std::optional<double> size_microns;
  std::optional<int> stride, overlap;
  std::optional<int> level;
  std::optional<double> mpp, magnification;
  double mpp_tolerance = default_mpp_tolerance;
  std::string edge = "drop";
  double min_coverage = 0.1;
  std::vector<std::string> classes;
  double min_class_coverage = 0;
  std::string label = "majority";
  double min_label_share = 0.5;
  std::string no_class;
  double class_downsample = 8;
  std::optional<int> max_tiles, max_tiles_per_class;
  std::int64_t seed = 0;
  std::vector<std::filesystem::path> coordinates;
  std::optional<std::filesystem::path> labels;

  static void describe(Description<Extract>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  Packets make(Inputs& in) override;

 private:
  Sampling sampling_for(const Slide& slide, const CoordinateReader* places) const;
  std::unique_ptr<CoordinateReader> open_places(std::shared_ptr<const SlideFacts> slide) const;
  std::string slide_label(const SlideFacts& slide) const;
  int pixels() const;  ///< width and height of a tile in its own pixels
  int step() const;    ///< tile pixels from one tile to the next

  std::shared_ptr<const SlideLabels> slide_labels_;  ///< read by plan()
  bool with_pixels_ = true;                          ///< some node looks at them
};

}  // namespace flowrun::wsi
