// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <utility>

#include "nodes/base/huge_pages.h"
#include "nodes/base/limited_for.h"
#include "picture.h"

namespace flowrun::wsi {
namespace {

constexpr int block_side = 512;
/// Blocks read at the same time.
constexpr int most_at_once = 8;

/// A block as RGB, and what reading it takes.
constexpr std::size_t bytes_per_pixel = 3 + PixelReader::scratch_per_pixel;

/// Blocks of whole tiles of the file, so that none is decoded for two of them; and of whole factors, so that
/// each block fills whole pixels of the thumbnail.
struct Blocks {
  Blocks(const Slide& slide, const Thumbnail& wanted) : thumbnail(wanted), level(slide.level(wanted.level)) {
    x_scale = static_cast<double>(level.width) / thumbnail.cols;
    y_scale = static_cast<double>(level.height) / thumbnail.rows;
    cols = side(level.tile_width, x_scale);
    rows = side(level.tile_height, y_scale);
  }

  int columns() const { return (thumbnail.cols + cols - 1) / cols; }
  int count() const { return columns() * ((thumbnail.rows + rows - 1) / rows); }
  int x(int number) const { return number % columns() * cols; }
  int y(int number) const { return number / columns() * rows; }
  bool scaled() const { return x_scale != 1 || y_scale != 1; }
  /// Bytes of one block while it is read, with the rim that scaling reads beyond it.
  std::size_t bytes(const Score& score) const {
    const double w = std::min(cols * x_scale, static_cast<double>(level.width)) + 2;
    const double h = std::min(rows * y_scale, static_cast<double>(level.height)) + 2;
    const std::size_t scaled_down = scaled() ? 3 * static_cast<std::size_t>(cols) * rows : 0;
    return static_cast<std::size_t>(w * h) * (bytes_per_pixel + score.scratch_per_pixel) + scaled_down;
  }

  const Thumbnail thumbnail;
  const Level& level;
  double x_scale = 1, y_scale = 1;  // level pixels per thumbnail pixel
  int cols = 0, rows = 0;           // of a block, in thumbnail pixels

 private:
  static int side(int tile, double scale) {
    const double level_pixels = tile > block_side ? block_side : block_side / tile * tile;
    return std::max(1, static_cast<int>(level_pixels / scale));
  }
};

Thumbnail within_limit(const Slide& slide, int level) {
  const Level& whole = slide.level(level);
  std::int64_t factor = 1;
  const auto scaled = [&](std::int64_t side) { return (side + factor - 1) / factor; };
  while (scaled(whole.width) * scaled(whole.height) > most_thumbnail_pixels) ++factor;
  return {level, static_cast<int>(scaled(whole.width)), static_cast<int>(scaled(whole.height))};
}

void read_block(const Slide& slide, int number, const Blocks& blocks, const Score& score, cv::Mat target) {
  const Level& level = blocks.level;
  const int x = blocks.x(number), y = blocks.y(number);
  const auto left = static_cast<std::int64_t>(x * blocks.x_scale);
  const auto top = static_cast<std::int64_t>(y * blocks.y_scale);
  const auto right = static_cast<std::int64_t>(std::ceil((x + target.cols) * blocks.x_scale));
  const auto bottom = static_cast<std::int64_t>(std::ceil((y + target.rows) * blocks.y_scale));
  const cv::Size window(static_cast<int>(std::min(right, level.width) - left),
                        static_cast<int>(std::min(bottom, level.height) - top));
  if (!score.of) return read_scaled(slide, blocks.thumbnail.level, left, top, window, target);
  cv::Mat rgb(target.size(), CV_8UC3);
  read_scaled(slide, blocks.thumbnail.level, left, top, window, rgb);
  score.of(rgb, target);
}

cv::Mat read_blocks(const Slide& slide, const Thumbnail& thumbnail, const Score& score) {
  const Blocks blocks(slide, thumbnail);
  cv::Mat out(thumbnail.rows, thumbnail.cols, score.of ? CV_8UC1 : CV_8UC3);
  prefer_huge_pages(out.data, out.total() * out.elemSize());
  limited_for(blocks.count(), most_at_once, [&](int number) {
    const cv::Rect place(blocks.x(number), blocks.y(number), blocks.cols, blocks.rows);
    read_block(slide, number, blocks, score, out(place & cv::Rect({}, out.size())));
  });
  return out;
}

}  // namespace

Thumbnail thumbnail_at_level(const Slide& slide, int level) {
  return within_limit(slide, std::min(level, slide.level_count() - 1));
}

Thumbnail thumbnail_at_downsample(const Slide& slide, double downsample) {
  const int level = slide.level_for(downsample);
  const double factor = downsample / slide.level(level).downsample;
  if (factor > block_side)
    throw Error(
        fmt::format("{}: a thumbnail {:.0f} times smaller than level {} was asked for; at most {} times",
                    slide.facts().path.string(), factor, level, block_side));
  Thumbnail thumbnail = within_limit(slide, level);
  const auto side = [&](std::int64_t level0) {
    return std::max<std::int64_t>(1, std::llround(static_cast<double>(level0) / downsample));
  };
  const bool same = std::abs(slide.level(level).downsample - downsample) <= 0.005 * downsample;
  if (!same && side(slide.level(0).width) <= thumbnail.cols) {
    thumbnail.cols = static_cast<int>(side(slide.level(0).width));
    thumbnail.rows = static_cast<int>(std::min<std::int64_t>(thumbnail.rows, side(slide.level(0).height)));
  }
  return thumbnail;
}

Score grey_score() {
  return {[](cv::Mat& rgb, cv::Mat& grey) { cv::cvtColor(rgb, grey, cv::COLOR_RGB2GRAY); }};
}

std::size_t most_thumbnail_scratch(const Score& score) {
  constexpr auto side = static_cast<std::size_t>(block_side) + 2;
  constexpr std::size_t scaled_down = 3;
  return most_at_once * side * side * (bytes_per_pixel + scaled_down + score.scratch_per_pixel);
}

std::size_t thumbnail_scratch(const Slide& slide, const Thumbnail& thumbnail, const Score& score) {
  const Blocks blocks(slide, thumbnail);
  return blocks.bytes(score) * static_cast<std::size_t>(std::min(most_at_once, blocks.count()));
}

cv::Mat read_thumbnail_rgb(const Slide& slide, const Thumbnail& thumbnail) {
  return read_blocks(slide, thumbnail, {});
}
cv::Mat read_thumbnail_score(const Slide& slide, const Thumbnail& thumbnail, const Score& score) {
  return read_blocks(slide, thumbnail, score);
}

}  // namespace flowrun::wsi
