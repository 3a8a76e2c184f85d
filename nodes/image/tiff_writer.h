// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tiffio.h>

#include <cstdarg>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "tiff_file.h"

namespace flowrun::wsi {

/// What the tiles of a TIFF hold.
enum class TiffTiles {
  jpeg,          ///< RGB as JPEG (YCbCr, 4:2:0)
  deflate_rgb,   ///< RGB without loss: zlib streams of differences along the row (predictor 2)
  deflate_grey,  ///< one channel of 8 bits without loss: zlib streams
};

/// What a directory of the file says of itself.
struct TiffLevel {
  std::uint32_t width = 0;   ///< pixels
  std::uint32_t height = 0;  ///< pixels
  std::uint32_t tile = 0;    ///< side in pixels, a multiple of 16
  TiffTiles tiles = TiffTiles::jpeg;
  bool reduced = false;                       ///< a smaller version of the first directory
  std::optional<double> mpp;                  ///< microns per pixel, where known
  std::string description;                    ///< empty: none
  std::span<const std::uint8_t> jpeg_tables;  ///< that the JPEG streams leave out; copied; empty: nothing
};

/// Writes a tiled TIFF of one directory for each level, from tiles that are encoded already. Little-endian
/// whatever the machine, so that the same tiles give the same bytes. Only the places of the tiles are held in
/// memory. Not thread-safe. What cannot be written throws Error naming the file.
class TiffWriter {
 public:
  /// Makes the file. `big` makes a BigTIFF, which may pass 4 GB.
  TiffWriter(const std::filesystem::path& file, bool big);
  /// Writes into an open file, which remains the caller's; errors name `name`.
  TiffWriter(int descriptor, std::filesystem::path name, bool big);
  TiffWriter(const TiffWriter&) = delete;
  TiffWriter& operator=(const TiffWriter&) = delete;

  void begin_level(const TiffLevel& level);
  /// Tiles are counted row by row, from 0; each is written once, in any order.
  void write_tile(std::uint32_t index, std::span<const std::uint8_t> stream);
  /// After it the file is a whole TIFF of the levels so far.
  void end_level();

 private:
  static int keep_error(TIFF*, void* self, const char* module, const char* format, va_list arguments);
  static int drop_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
  void open(int descriptor, bool big);
  void check(bool fine) const;

  const std::filesystem::path name_;
  char message_[256] = {};  // of libtiff's first error
  TiffFile tiff_;
};

}  // namespace flowrun::wsi
