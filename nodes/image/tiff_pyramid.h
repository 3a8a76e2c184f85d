// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <opencv2/core/mat.hpp>
#include <optional>
#include <vector>

#include "tiff_writer.h"

namespace flowrun::wsi {

/// An encoded tile; equal ones may share it.
using TileStream = std::shared_ptr<const std::vector<std::uint8_t>>;

/// Encodes a whole tile (rows x cols, RGB or grey as `tiles` says) for a TIFF. `quality`: of JPEG, 1 to 100.
/// Thread-safe.
TileStream encode_tile(const cv::Mat& pixels, TiffTiles tiles, int quality = 0);
/// The most bytes that it takes, the stream included.
std::size_t encode_tile_bytes(int tile, TiffTiles tiles);

/// A picture as a pyramid of tiles, each level half the size of the one before, until one tile holds all;
/// without loss until the next would be smaller than a tile, for OpenSlide 3 shows such levels, when they are
/// no JPEG, as noise.
struct TiffPyramid {
  cv::Size size;   ///< of the first level, pixels
  int tile = 512;  ///< side in pixels, a multiple of 16
  TiffTiles tiles = TiffTiles::jpeg;
  std::optional<double> mpp;  ///< microns per pixel of the first level

  /// The side of tiles that suits: 512 pixels; without loss no larger than the picture.
  static int suitable_tile(cv::Size size, TiffTiles tiles);

  int level_count() const;
  cv::Size size_of(int level) const;  ///< halves rounded down, at least 1
  int columns(int level) const { return (size_of(level).width + tile - 1) / tile; }
  int rows(int level) const { return (size_of(level).height + tile - 1) / tile; }
  std::int64_t count(int level) const { return std::int64_t{columns(level)} * rows(level); }

  /// Tiles that are made at the same time when making one takes `making` bytes besides its stream.
  int at_once(std::size_t making) const;
  /// Bytes that writing takes then, with those for the places of the tiles.
  std::size_t bytes(std::size_t making) const;
  /// The most that it is for a first level of up to 200,000 x 200,000 pixels.
  static std::size_t most_bytes(int tile, TiffTiles tiles, std::size_t making);
};

/// Writes a pyramid, level after level. Not thread-safe. What cannot be written throws Error naming the file.
class TiffPyramidWriter {
 public:
  /// Makes the file; a BigTIFF when it could pass 4 GB.
  TiffPyramidWriter(const std::filesystem::path& file, const TiffPyramid& pyramid);

  /// Begins the next level and says which.
  int begin_level();
  /// Tiles are counted row by row, from 0; each is written once, in any order.
  void write(std::int64_t index, const std::vector<std::uint8_t>& stream);
  void end_level();

  /// Makes the tile whose top left pixel is (x, y) of the level; called by many threads at once.
  using MakeTile = std::function<TileStream(int level, std::int64_t x, std::int64_t y)>;
  /// Begins, writes and ends the next level. False when the scope failed meanwhile.
  bool write_level(const Scope& scope, std::size_t making, const MakeTile& make);
  /// The same with all levels that are left.
  bool write_levels(const Scope& scope, std::size_t making, const MakeTile& make);

 private:
  const TiffPyramid pyramid_;
  int next_level_ = 0;
  TiffWriter tiff_;
};

}  // namespace flowrun::wsi
