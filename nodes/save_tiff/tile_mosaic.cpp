// SPDX-License-Identifier: Apache-2.0
#include "tile_mosaic.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <cmath>
#include <utility>

namespace flowrun::wsi {
namespace {

/// The whole level that the tile is of, in pixels of the tile.
cv::Size size_of_whole(const MosaicTile& tile, const SlideFacts& slide) {
  const Level& level = slide.levels.at(static_cast<std::size_t>(tile.level));
  const double ratio = tile.extent / tile.side / level.downsample;
  const auto side = [&](std::int64_t pixels) {
    return std::max(1, static_cast<int>(static_cast<double>(pixels) / ratio + 1e-6));
  };
  return {side(level.width), side(level.height)};
}

}  // namespace

void check_tile_side(const cv::Mat& pixels) {
  const int side = pixels.cols;
  if (pixels.rows == side && side % 16 == 0) return;
  throw Error(fmt::format(
      "tiles of {} x {} pixels cannot be those of a TIFF, whose sides are multiples of 16: make them "
      "{} or {} pixels",
      side, pixels.rows, std::max(16, side / 16 * 16), side / 16 * 16 + 16));
}

TileMosaic::TileMosaic(std::filesystem::path file, const MosaicTile& first, std::optional<double> mpp,
                       std::shared_ptr<const SlideFacts> slide, TiffTiles tiles)
    : path_(std::move(file)),
      slide_(std::move(slide)),
      first_(first),
      pyramid_{size_of_whole(first, *slide_), first.side, tiles, mpp},
      writer_(path_, pyramid_),
      written_(static_cast<std::size_t>(pyramid_.count(0))) {
  writer_.begin_level();
}

std::int64_t TileMosaic::cell(const MosaicTile& place, std::int64_t at) const {
  const std::int64_t cell = std::llround(static_cast<double>(at) / first_.extent);
  // Tiles begin at whole pixels of their level, and level-0 coordinates are rounded.
  const double slack = slide_->levels.at(static_cast<std::size_t>(place.level)).downsample / 2 + 1;
  const double off = std::abs(static_cast<double>(at) - static_cast<double>(cell) * first_.extent);
  if (place.overlap == 0 && off <= slack) return cell;
  throw Error(fmt::format(
      "the tile at x={}, y={} overlaps its neighbour or lies beside the grid of {:g} level-0 pixels: "
      "a TIFF needs tiles side by side, extracted with stride = size",
      place.x, place.y, first_.extent));
}

void TileMosaic::add(const MosaicTile& place, const std::vector<std::uint8_t>& stream) {
  if (place.level != first_.level || place.side != first_.side || place.extent != first_.extent)
    throw Error(fmt::format(
        "the tile at x={}, y={} is {} pixels of {:g} level-0 pixels each at level {}, but the first "
        "one {} of {:g} at level {}: the tiles of a TIFF are all of one size and resolution",
        place.x, place.y, place.side, place.extent / place.side, place.level, first_.side,
        first_.extent / first_.side, first_.level));
  const std::int64_t column = cell(place, place.x), row = cell(place, place.y);
  if (column < 0 || row < 0 || column >= pyramid_.columns(0) || row >= pyramid_.rows(0))
    throw Error(fmt::format("the tile at x={}, y={} lies outside the slide", place.x, place.y));
  const std::int64_t index = row * pyramid_.columns(0) + column;
  if (written_[static_cast<std::size_t>(index)])
    throw Error(fmt::format("there are two tiles at x={}, y={}", place.x, place.y));
  writer_.write(index, stream);
  written_[static_cast<std::size_t>(index)] = true;
}

void TileMosaic::close(const std::vector<std::uint8_t>& background) {
  for (std::size_t index = 0; index < written_.size(); ++index)
    if (!written_[index]) writer_.write(static_cast<std::int64_t>(index), background);
  writer_.end_level();
}

}  // namespace flowrun::wsi
