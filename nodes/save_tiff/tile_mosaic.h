// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

#include "nodes/image/tiff_pyramid.h"

namespace flowrun::wsi {

/// Where a tile lies, and what is the same for all of a mosaic.
struct MosaicTile {
  std::int64_t x = 0, y = 0;  ///< level-0 pixels
  double extent = 0;          ///< level-0 pixels
  int level = 0;
  int side = 0;     ///< pixels
  int overlap = 0;  ///< pixels

  explicit MosaicTile(const Tile& tile)
      : x(tile.x),
        y(tile.y),
        extent(tile.extent),
        level(tile.level),
        side(tile.size()),
        overlap(tile.overlap) {}
};

/// Throws Error unless tiles of this size can be those of a TIFF.
void check_tile_side(const cv::Mat& pixels);

/// The first level of a pyramid put together from tiles of a grid, in any order. Not thread-safe.
class TileMosaic {
 public:
  /// Makes the file, of the resolution and tile size of this tile.
  TileMosaic(std::filesystem::path file, const MosaicTile& first, std::optional<double> mpp,
             std::shared_ptr<const SlideFacts> slide, TiffTiles tiles);

  /// Writes a tile. Throws Error when it does not lie on the grid of the first or was there before.
  void add(const MosaicTile& place, const std::vector<std::uint8_t>& stream);
  /// Fills the gaps and ends the level.
  void close(const std::vector<std::uint8_t>& background);

  const std::filesystem::path& path() const { return path_; }
  const TiffPyramid& pyramid() const { return pyramid_; }
  const SlideFacts& slide() const { return *slide_; }
  TiffPyramidWriter& writer() { return writer_; }

 private:
  /// The column or row of a tile whose left or top edge is `at`.
  std::int64_t cell(const MosaicTile& place, std::int64_t at) const;

  const std::filesystem::path path_;
  const std::shared_ptr<const SlideFacts> slide_;
  const MosaicTile first_;
  const TiffPyramid pyramid_;
  TiffPyramidWriter writer_;
  std::vector<bool> written_;
};

}  // namespace flowrun::wsi
