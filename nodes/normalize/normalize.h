// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/tile.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "nodes/stain/stain_method.h"

namespace flowrun::wsi {

/// Makes tiles of all slides look as if they had been stained alike. See describe().
struct Normalize : Map, StainMethod {
  std::string scope = "slide";
  std::optional<std::filesystem::path> target;
  std::optional<std::string> background;
  int windows = 32;
  std::int64_t seed = 0;

  static void describe(Description<Normalize>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;

 private:
  using Change = std::function<void(cv::Mat&)>;
  /// What pixels with such stains get.
  Change change_from(const StainReport& start) const;
  /// Empty when the slide, or the tile, shows no stain.
  const Change& change_of_slide(const Inputs& in, const Tile& tile, Outputs& out) const;
  Change change_of_tile(const Tile& tile, Outputs& out) const;

  StainReport look_;  ///< wanted; set by plan()
};

}  // namespace flowrun::wsi
