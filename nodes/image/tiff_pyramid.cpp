// SPDX-License-Identifier: Apache-2.0
#include "tiff_pyramid.h"

#include <flowrun/error.h>

#include <algorithm>
#include <utility>

#include "jpeg.h"
#include "nodes/base/in_parallel.h"
#include "zlib_stream.h"

namespace flowrun::wsi {
namespace {

constexpr int deflate_level = 6;

/// Each byte less the one a pixel before it in the row (TIFF 6.0, section 14).
std::vector<std::uint8_t> differences(const cv::Mat& pixels) {
  const auto pixel = pixels.elemSize();
  const std::size_t row_bytes = static_cast<std::size_t>(pixels.cols) * pixel;
  std::vector<std::uint8_t> out(row_bytes * static_cast<std::size_t>(pixels.rows));
  for (int row = 0; row < pixels.rows; ++row) {
    const std::uint8_t* from = pixels.ptr(row);
    std::uint8_t* to = out.data() + static_cast<std::size_t>(row) * row_bytes;
    std::copy_n(from, pixel, to);
    for (std::size_t i = pixel; i < row_bytes; ++i)
      to[i] = static_cast<std::uint8_t>(from[i] - from[i - pixel]);
  }
  return out;
}

std::size_t raw_bytes(int tile, TiffTiles tiles) {
  return static_cast<std::size_t>(tile) * static_cast<std::size_t>(tile) *
         (tiles == TiffTiles::deflate_grey ? 1 : 3);
}

std::size_t most_stream_bytes(int tile, TiffTiles tiles) {
  if (tiles == TiffTiles::jpeg) return max_jpeg_bytes(tile, tile);
  return max_zlib_bytes(raw_bytes(tile, tiles));
}

bool may_pass_4_gigabytes(const TiffPyramid& pyramid) {
  std::uint64_t tiles = 0;
  for (int level = 0; level < pyramid.level_count(); ++level)
    tiles += static_cast<std::uint64_t>(pyramid.count(level));
  constexpr std::uint64_t per_tile = 16, directories = std::uint64_t{1} << 20;
  return tiles * (most_stream_bytes(pyramid.tile, pyramid.tiles) + per_tile) + directories >= std::uint64_t{1}
                                                                                                  << 32;
}

}  // namespace

TileStream encode_tile(const cv::Mat& pixels, TiffTiles tiles, int quality) {
  std::vector<std::uint8_t> stream;
  if (tiles == TiffTiles::jpeg) {
    encode_jpeg(pixels, quality, stream);
  } else if (tiles == TiffTiles::deflate_rgb) {
    const std::vector<std::uint8_t> predicted = differences(pixels);
    stream = zlib_stream(predicted, deflate_level);
  } else {
    const cv::Mat whole = pixels.isContinuous() ? pixels : pixels.clone();
    stream = zlib_stream({whole.data, whole.total()}, deflate_level);
  }
  // A copy of just its size: many may wait for their turn to be written.
  return std::make_shared<const std::vector<std::uint8_t>>(stream);
}

std::size_t encode_tile_bytes(int tile, TiffTiles tiles) {
  const std::size_t working = tiles == TiffTiles::deflate_rgb ? raw_bytes(tile, tiles) : 0;
  constexpr std::size_t compressor = std::size_t{1} << 20;
  return working + 2 * most_stream_bytes(tile, tiles) + compressor;
}

int TiffPyramid::suitable_tile(cv::Size size, TiffTiles tiles) {
  constexpr int usual = 512, unit = 16;
  if (tiles == TiffTiles::jpeg) return usual;
  return std::clamp(std::min(size.width, size.height) / unit * unit, unit, usual);
}

int TiffPyramid::level_count() const {
  int count = 1;
  for (;; ++count) {
    const cv::Size last = size_of(count - 1), next = size_of(count);
    if (std::max(last.width, last.height) <= tile) return count;
    if (tiles != TiffTiles::jpeg && std::min(next.width, next.height) < tile) return count;
  }
}

cv::Size TiffPyramid::size_of(int level) const {
  return {std::max(1, size.width >> level), std::max(1, size.height >> level)};
}

int TiffPyramid::at_once(std::size_t making) const {
  return pieces_at_once(making + encode_tile_bytes(tile, tiles));
}

std::size_t TiffPyramid::bytes(std::size_t making) const {
  constexpr std::size_t place = 16;  // offset and length
  return static_cast<std::size_t>(at_once(making)) * (making + encode_tile_bytes(tile, tiles)) +
         place * static_cast<std::size_t>(count(0));
}

std::size_t TiffPyramid::most_bytes(int tile, TiffTiles tiles, std::size_t making) {
  return TiffPyramid{{200'000, 200'000}, tile, tiles, {}}.bytes(making);
}

TiffPyramidWriter::TiffPyramidWriter(const std::filesystem::path& file, const TiffPyramid& pyramid)
    : pyramid_(pyramid), tiff_(file, may_pass_4_gigabytes(pyramid)) {}

int TiffPyramidWriter::begin_level() {
  TiffLevel level;
  level.width = static_cast<std::uint32_t>(pyramid_.size_of(next_level_).width);
  level.height = static_cast<std::uint32_t>(pyramid_.size_of(next_level_).height);
  level.tile = static_cast<std::uint32_t>(pyramid_.tile);
  level.tiles = pyramid_.tiles;
  level.reduced = next_level_ > 0;
  if (pyramid_.mpp) level.mpp = *pyramid_.mpp * static_cast<double>(std::int64_t{1} << next_level_);
  tiff_.begin_level(level);
  return next_level_++;
}

void TiffPyramidWriter::write(std::int64_t index, const std::vector<std::uint8_t>& stream) {
  tiff_.write_tile(static_cast<std::uint32_t>(index), stream);
}

void TiffPyramidWriter::end_level() {
  tiff_.end_level();
}

bool TiffPyramidWriter::write_level(const Scope& scope, std::size_t making, const MakeTile& make) {
  const int level = begin_level();
  const std::int64_t columns = pyramid_.columns(level);
  const bool whole =
      in_parallel(pyramid_.count(level), pyramid_.at_once(making), scope, [&](std::int64_t index) {
        const TileStream stream =
            make(level, index % columns * pyramid_.tile, index / columns * pyramid_.tile);
        return [this, index, stream] { write(index, *stream); };
      });
  if (whole) end_level();
  return whole;
}

bool TiffPyramidWriter::write_levels(const Scope& scope, std::size_t making, const MakeTile& make) {
  while (next_level_ < pyramid_.level_count())
    if (!write_level(scope, making, make)) return false;
  return true;
}

}  // namespace flowrun::wsi
