// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// Where the tiles of a slide are.
struct TileSquares {
  struct Corner {
    std::int64_t x = 0, y = 0;  ///< left and top edge, level-0 pixels
  };
  std::vector<Corner> corners;
  double extent = 0;     ///< width and height of each, level-0 pixels
  bool guessed = false;  ///< the extent is only what their places make likely
};

/// Those of a file of features (HDF5), in the order of its rows: see wsi::CoordinateReader. How wide tiles
/// are is `extent`, else what the file says, else the distance that tiles beside each other have most often.
/// Throws Error that names the file, also where none of this tells it, or it is more than the slide's longer
/// side.
TileSquares read_tile_squares(const std::filesystem::path& file, const wsi::Slide& slide,
                              std::optional<double> extent);

/// The share of numbers that are less, for each: 0 to below 1.
std::vector<double> shares_below(const std::vector<float>& numbers);

/// Where attention of a slide is drawn.
struct AttentionFiles {
  std::filesystem::path heat_map, tiff, objects, tiles;
};
constexpr std::size_t tiles_shown = 8;  ///< of most attention, and as many of least

/// Bytes of a tile while its attention is drawn.
constexpr std::size_t drawing_bytes = sizeof(TileSquares::Corner) + 3 * sizeof(double) + 2 * sizeof(float);

/// Draws attention, a number for each square: heat map and TIFF (wsi::HeatMap) and QuPath's objects in the
/// colours of the share of the other squares that have less, and a sheet of the tiles of most and of least
/// attention. Gives what the heat map lacks, or nothing.
std::string draw_attention(const wsi::Slide& slide, const TileSquares& squares,
                           const std::vector<float>& attention, const std::string& origin,
                           const AttentionFiles& files);

}  // namespace flowrun::torch_nodes
