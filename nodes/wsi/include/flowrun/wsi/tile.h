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
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// A square of slide pixels with its place.
struct Tile {
  static constexpr std::string_view packet_type = "wsi.tile/3";

  /// size x size x 3, 8 bit, RGB, or size x size x 1: a stain's picture of its own. Never written to once
  /// emitted. Empty where no node needs them: Node::needs_content.
  cv::Mat pixels;
  int unread_size = 0;             ///< size() of one whose pixels were not read
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
  /// What stages measured, by name, in their order; tables of tiles have a column for each.
  std::vector<std::pair<std::string, double>> values;
  std::shared_ptr<const SlideFacts> slide;
  std::shared_ptr<const Sample> sample{};  ///< in training; else null

  /// Width and height in its own pixels.
  int size() const { return pixels.empty() ? unread_size : pixels.cols; }
  /// The pixels, to be changed: the tile's own when nobody else has them, else a copy, which the tile then
  /// has.
  cv::Mat& own_pixels();
};

/// The pixels of a tile for a stage that needs colours. Throws Error when they are those of one stain.
const cv::Mat& rgb_of(const Tile& tile);

}  // namespace flowrun::wsi
