// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace flowrun::wsi::synth {

/// Encodes square tiles as the abbreviated JPEG streams a TIFF holds: YCbCr with 4:2:0 subsampling, without
/// the tables, which the TIFF keeps once for each directory. Not thread-safe.
class JpegTileEncoder {
 public:
  /// `side` in pixels, a multiple of 16; `quality` from 1 to 100. Throws std::runtime_error when libjpeg
  /// fails.
  JpegTileEncoder(int side, int quality);
  ~JpegTileEncoder();
  JpegTileEncoder(const JpegTileEncoder&) = delete;
  JpegTileEncoder& operator=(const JpegTileEncoder&) = delete;

  int side() const;
  /// The tables-only stream that all tiles need, for the tag JPEGTables.
  const std::vector<std::uint8_t>& tables() const;
  /// Replaces `out` by the stream of a tile of side * side pixels of R, G, B, row by row. Throws
  /// std::runtime_error when libjpeg fails.
  void encode(std::span<const std::uint8_t> rgb, std::vector<std::uint8_t>& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace flowrun::wsi::synth
