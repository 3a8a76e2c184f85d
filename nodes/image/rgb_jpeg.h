// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>

namespace flowrun::wsi {

/// Decodes JPEG tiles whose components are red, green and blue themselves, as Aperio's scanners write them.
/// libjpeg puts such components together byte by byte, which takes a tenth of the decoding; here OpenCV does.
/// Not thread-safe.
class RgbJpegDecoder {
 public:
  /// `tables`: the stream with the tables that the tiles share, or nothing.
  explicit RgbJpegDecoder(std::span<const std::uint8_t> tables);

  /// Fills `rgb` (height x width x 3). False when the tile is broken, of another size, or has components of
  /// other numbers or resolutions: libtiff knows what to do then.
  bool decode(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb);

 private:
  struct Destroy {
    void operator()(void* handle) const;
  };
  std::unique_ptr<void, Destroy> handle_;
};

}  // namespace flowrun::wsi
