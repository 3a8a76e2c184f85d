// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "tiff_file.h"

namespace flowrun::wsi {

/// What a page (directory) of a TIFF says of itself, by its tags (TIFF 6.0); missing tags have their
/// defaults.
struct TiffPage {
  tdir_t number = 0;
  bool tiled = false;
  bool reduced = false;  ///< a smaller version of another page (NewSubfileType)
  std::uint16_t compression = COMPRESSION_NONE;
  std::uint16_t predictor = PREDICTOR_NONE;
  std::uint16_t photometric = PHOTOMETRIC_MINISWHITE;
  std::uint16_t orientation = ORIENTATION_TOPLEFT;
  std::uint16_t channels = 1, bits = 1;          ///< bits: of a channel
  bool contiguous = true;                        ///< channels lie beside each other, pixel by pixel
  std::uint32_t depth = 1;                       ///< planes of a volume
  std::int64_t width = 0, height = 0;            ///< pixels
  std::int64_t tile_width = 0, tile_height = 0;  ///< pixels, where it is tiled
  bool lists_all_tiles = true;                   ///< and not only the places of the first ones
  std::string description;

  std::int64_t columns() const { return (width + tile_width - 1) / tile_width; }  ///< of tiles
  std::int64_t rows() const { return (height + tile_height - 1) / tile_height; }  ///< of tiles
};

/// All pages, in the order of the file. Empty when the file is no TIFF, or ends before its last page.
std::vector<TiffPage> tiff_pages(const std::filesystem::path& path);

}  // namespace flowrun::wsi
