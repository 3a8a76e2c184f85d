// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/sample.h>
#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace flowrun::wsi {

/// A square of slide pixels with its place.
struct Tile {
  static constexpr std::string_view packet_type = "wsi.tile/1";

  cv::Mat pixels;                  ///< size x size x 3, 8 bit, RGB; never written to once emitted
  std::int64_t x = 0;              ///< left edge, level-0 pixels
  std::int64_t y = 0;              ///< top edge, level-0 pixels
  int level = 0;                   ///< level that it was read from
  double extent = 0;               ///< width and height in level-0 pixels
  std::optional<double> mpp;       ///< microns per pixel of the tile
  std::optional<double> coverage;  ///< share of tissue, 0 to 1, where there was a mask
  int overlap = 0;                 ///< pixels of the tile that the next one shows too; negative: a gap
  std::string label;               ///< name of its class; empty: none
  std::string dropped_because;     ///< the reason, on a filter's port for dropped tiles; else empty
  bool untouched = false;          ///< its pixels are the level's own: neither scaled nor changed since
  std::shared_ptr<const SlideFacts> slide;
  std::shared_ptr<const Sample> sample{};  ///< in training; else null
};

}  // namespace flowrun::wsi
