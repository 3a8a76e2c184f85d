// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace flowrun::wsi {

constexpr int most_tile_size = 1 << 20;  ///< pixels that a list may say a tile has

/// Where a tile is to be cut.
struct TilePlace {
  std::int64_t x = 0;  ///< left edge, level-0 pixels
  std::int64_t y = 0;  ///< top edge, level-0 pixels
  std::string label;   ///< name of its class; empty: none
};

/// What a list of places says of all of its tiles; nothing where it says nothing.
struct TileKind {
  std::optional<int> size;       ///< pixels
  std::optional<int> level;      ///< that `size` counts pixels of, unless `mpp` or `extent` is there too
  std::optional<double> mpp;     ///< microns per pixel of a tile
  std::optional<double> extent;  ///< level-0 pixels
  std::optional<int> overlap;    ///< pixels
  bool operator==(const TileKind&) const = default;
};

/// Reads the places of one slide's tiles, in the order of the file:
///
///   table    columns x, y; optional size, level, mpp, extent, label, and slide: rows of other slides are
///            skipped. tiles.csv of `save` is one. See CsvReader; size and the like must agree in all rows
///   CLAM     HDF5, dataset coords; size and level from patch_size and patch_level, if there are any
///   TRIDENT  HDF5, dataset coords; size, extent, overlap from patch_size, patch_size_level0, overlap
///   STAMP    HDF5, dataset coords, in microns; extent and size from the file's tile_size_um (or unit "um"
///   and
///            tile_size) and tile_size_px. The slide must know its MPP
///
/// They are told apart by content. HDF5 files with the name or the size of another slide are refused, and so
/// are places that are wholly outside of the slide: all as Error that names the file and the line or row.
///
/// Places are read as they are asked for: a reader takes `most_bytes` at most, however many there are. HDF5
/// is read by a process of its own (see Isolated), so that a broken file ends as an Error too. Not
/// thread-safe.
class CoordinateReader {
 public:
  static constexpr std::size_t most_bytes = std::size_t{4} << 20;

  /// Opens a file for one slide and reads what it says of all tiles.
  static std::unique_ptr<CoordinateReader> open(const std::filesystem::path& file,
                                                std::shared_ptr<const SlideFacts> slide);
  virtual ~CoordinateReader() = default;

  const TileKind& kind() const { return kind_; }
  /// The next place, or nothing at the end.
  virtual std::optional<TilePlace> next() = 0;
  /// How many places there are in all, if that is known beforehand.
  virtual std::optional<std::uint64_t> total() const { return {}; }

 protected:
  explicit CoordinateReader(std::shared_ptr<const SlideFacts> slide) : slide_(std::move(slide)) {}
  /// What is wrong with a tile at that place, or nothing.
  std::optional<std::string> problem(std::int64_t x, std::int64_t y) const;

  std::shared_ptr<const SlideFacts> slide_;
  TileKind kind_;
};

}  // namespace flowrun::wsi
