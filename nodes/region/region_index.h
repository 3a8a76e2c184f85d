// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/class_mask.h>

#include <cstdint>
#include <vector>

#include "polygon_filler.h"

namespace flowrun::wsi {

/// Finds what of a slide's regions lies in a window. Holds no points: those of the regions that it was made
/// from are given to each call. Immutable, thread-safe.
class RegionIndex {
 public:
  explicit RegionIndex(const std::vector<Region>& regions);
  ~RegionIndex();

  /// Draws the regions, in their order, into the window `picture` whose top left pixel is (x, y).
  void draw(const std::vector<Region>& regions, double downsample, std::int64_t x, std::int64_t y,
            cv::Mat picture) const;
  std::size_t bytes() const;

 private:
  struct Content;
  std::unique_ptr<const Content> content_;
};

}  // namespace flowrun::wsi
