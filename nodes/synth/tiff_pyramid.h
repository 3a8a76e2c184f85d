// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <tiffio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "temp_file.h"

namespace flowrun::wsi::synth {

/// What a directory of the pyramid says of itself.
struct TiffLevel {
  std::uint32_t width = 0;   ///< pixels
  std::uint32_t height = 0;  ///< pixels
  std::uint32_t tile = 0;    ///< side in pixels, a multiple of 16
  double pixels_per_cm = 0.0;
  std::string description;
  std::span<const std::uint8_t> jpeg_tables;  ///< of JpegTileEncoder; copied
};

/// Writes a TIFF of one directory for each level, with tiles that are already JPEG streams (YCbCr, 4:2:0).
/// Only the places of the tiles are held in memory. Errors are std::runtime_error naming the file's target.
class TiffPyramid {
 public:
  /// Writes into `file`, which must outlive the pyramid. `big` makes a BigTIFF, which may pass 4 GB.
  TiffPyramid(const TempFile& file, bool big);
  ~TiffPyramid();
  TiffPyramid(const TiffPyramid&) = delete;
  TiffPyramid& operator=(const TiffPyramid&) = delete;

  void begin_level(const TiffLevel& level);
  /// Tiles are counted row by row, from 0.
  void write_tile(std::uint32_t index, std::span<const std::uint8_t> stream);
  void end_level();

 private:
  struct Close {
    void operator()(TIFF* tiff) const { TIFFClose(tiff); }
  };
  static int keep_error(TIFF*, void* self, const char* module, const char* format, va_list arguments);
  static int drop_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }
  void check(bool fine);

  const TempFile& file_;
  char message_[256] = {};  // of libtiff's first error
  std::unique_ptr<TIFF, Close> tiff_;
};

}  // namespace flowrun::wsi::synth
