// SPDX-License-Identifier: Apache-2.0
#include "heat_map.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "colour_bar.h"
#include "nodes/base/out_file.h"
#include "nodes/image/jpeg.h"
#include "nodes/image/tiff_pyramid.h"

namespace flowrun::wsi {
namespace {

constexpr auto lossless = TiffTiles::deflate_rgb;
constexpr int jpeg_quality = 90;

/// Of a tile of the TIFF: its means, grey, colours and a mask of it.
std::size_t making_bytes(int side) {
  constexpr std::size_t bytes_per_pixel = 3 * sizeof(float) + 3 * 3 + 2;
  return static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * bytes_per_pixel;
}

TiffPyramid pyramid_of(cv::Size size, std::optional<double> mpp) {
  return {size, TiffPyramid::suitable_tile(size, lossless), lossless, mpp};
}

std::size_t tiff_bytes(cv::Size size) {
  const int tile = pyramid_of(size, {}).tile;
  return making_bytes(tile) + encode_tile_bytes(tile, lossless);
}

std::size_t grid_bytes(std::size_t side) {
  return side * side * TileMeans::bytes_per_pixel;
}

int whole_divisor(const SlideFacts& facts) {
  const std::int64_t longest = std::max(facts.width(), facts.height());
  return static_cast<int>((longest + HeatMap::longest_side - 1) / HeatMap::longest_side);
}

cv::Size size_at(const SlideFacts& facts, int downsample) {
  const auto side = [&](std::int64_t pixels) {
    return static_cast<int>((pixels + downsample - 1) / downsample);
  };
  return {side(facts.width()), side(facts.height())};
}

}  // namespace

std::size_t HeatMap::most_bytes() {
  return 2 * SlidePicture::most_bytes + grid_bytes(SlidePicture::longest_side) +
         grid_bytes(longest_side) / 2 * 3 +  // with half of it
         tiff_bytes({longest_side, longest_side});
}

HeatMap::HeatMap(const Slide& slide) : HeatMap(slide.facts(), picture_of(slide, nullptr)) {}

HeatMap::HeatMap(const SlideFacts& facts, SlidePicture picture)
    : picture_(std::move(picture)),
      downsample_(whole_divisor(facts)),
      mpp_(facts.mpp ? std::optional(*facts.mpp * downsample_) : std::nullopt),
      drawn_(picture_.rgb.size()),
      fine_(size_at(facts, downsample_)) {}

void HeatMap::add_tile(std::int64_t x, std::int64_t y, double extent, double value) {
  // Tiles beside each other share no row and no column of the picture; a small one has a pixel at least.
  const auto rect = [](cv::Point from, cv::Point to) {
    return cv::Rect(from, cv::Size(std::max(1, to.x - from.x), std::max(1, to.y - from.y)));
  };
  const auto end = [&](std::int64_t at) { return std::llround(static_cast<double>(at) + extent); };
  drawn_.add(rect(picture_.square(x, y, 0).tl(), picture_.square(end(x), end(y), 0).tl()), value);
  const auto pixel = [&](std::int64_t at) {  // the first whose middle is there or behind
    return static_cast<int>(std::ceil(static_cast<double>(at) / downsample_ - 0.5));
  };
  fine_.add(rect({pixel(x), pixel(y)}, {pixel(end(x)), pixel(end(y))}), value);
}

cv::Mat HeatMap::draw(double low, double high) const {
  cv::Mat mixed = picture_.rgb.clone();
  auto [colours, tiles] = drawn_.colours({{}, drawn_.size()}, low, high);
  cv::addWeighted(colours, 0.5, mixed, 0.5, 0, colours);
  colours.copyTo(mixed, tiles);
  return mixed;
}

void HeatMap::write_picture(const std::filesystem::path& file, const std::string& shown, double low,
                            double high) const {
  std::vector<std::uint8_t> jpeg;
  encode_jpeg(with_colour_bar(draw(low, high), shown, low, high), jpeg_quality, jpeg);
  write_file(file, jpeg);
}

void HeatMap::write_tiff(const std::filesystem::path& file, double low, double high) const {
  const TiffPyramid pyramid = pyramid_of(fine_.size(), mpp_);
  TiffPyramidWriter writer(file, pyramid);
  TileMeans means = fine_;  // shares the numbers
  for (int level = 0; level < pyramid.level_count(); ++level) {
    if (level > 0) means = means.halved();
    writer.begin_level();
    for (int index = 0; index < pyramid.count(level); ++index) {
      cv::Mat rgb(pyramid.tile, pyramid.tile, CV_8UC3, cv::Scalar::all(255));
      const int columns = pyramid.columns(level);
      const cv::Point corner(index % columns * pyramid.tile, index / columns * pyramid.tile);
      const cv::Rect part = cv::Rect(corner, rgb.size()) & cv::Rect({}, means.size());
      const auto [colours, tiles] = means.colours(part, low, high);
      colours.copyTo(rgb({{}, part.size()}), tiles);
      writer.write(index, *encode_tile(rgb, lossless));
    }
    writer.end_level();
  }
}

}  // namespace flowrun::wsi
