// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace flowrun::wsi {

/// Decodes the JPEG tiles of a TIFF (TIFF Technical Note 2) by libjpeg, to the pixels that OpenSlide gives.
/// Size and sampling factors are those in the stream's frame header; what tags say of them is a hint. What
/// libjpeg only warns of, such as a premature end, is damage: the pixels behind it are made up. Not
/// thread-safe.
class JpegTileDecoder {
 public:
  /// What the three components are; a TIFF's tag PhotometricInterpretation says so, whatever markers say.
  enum class Colours { rgb, ycbcr };

  /// `tables`: the stream with the tables that the tiles share, or nothing; it must live as long as this.
  JpegTileDecoder(std::span<const std::uint8_t> tables, Colours colours);
  ~JpegTileDecoder();

  /// Fills `rgb` (height x width x 3). Throws Error when the stream is damaged, has no three components, or
  /// is of another size: that before memory for its pixels is taken.
  void decode(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb);
  /// Throws what decode() would, without making pixels: a tile that is copied is looked through to its end.
  /// Takes as many bytes as two tiles of pixels.
  void check(std::span<const std::uint8_t> jpeg, int width, int height);

 private:
  struct State;
  void run_or_throw(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb);
  bool run(std::span<const std::uint8_t> jpeg, int width, int height, std::uint8_t* rgb);
  bool begin(std::span<const std::uint8_t> jpeg, int width, int height);
  void read_rows(std::uint8_t* rgb);
  void read_planes(std::uint8_t* rgb);

  const std::unique_ptr<State> state_;
  const std::span<const std::uint8_t> tables_;
  const Colours colours_;
  std::vector<std::uint8_t> planes_;  // rows of the components, before they are put together
};

}  // namespace flowrun::wsi
