// SPDX-License-Identifier: Apache-2.0
#include "level_painter.h"

#include <algorithm>
#include <cstring>

#include "stain.h"

namespace flowrun::wsi::synth {
namespace {

/// Blocks of this side are painted pixel by pixel when an outline crosses them.
constexpr int smallest_block = 8;

}  // namespace

LevelPainter::LevelPainter(const Scene& scene, const Swatches& swatches, double downsample,
                           JpegTileEncoder& encoder)
    : swatches_(swatches),
      downsample_(downsample),
      encoder_(encoder),
      side_(encoder.side()),
      repeat_(std::max(1, swatches.front().side / encoder.side())),
      rgb_(static_cast<std::size_t>(side_) * static_cast<std::size_t>(side_) * 3) {
  for (const Layer& layer : scene.layers) all_.layers.push_back(&layer);
  std::size_t depths = 2;
  for (int side = side_; side > smallest_block; side /= 2) ++depths;
  stacks_.resize(depths);
  for (auto& tiles : bank_)
    tiles.resize(static_cast<std::size_t>(repeat_) * static_cast<std::size_t>(repeat_));
}

std::span<const std::uint8_t> LevelPainter::tile(std::int64_t column, std::int64_t row) {
  left_ = column * side_;
  top_ = row * side_;
  const Block whole{0, 0, side_};
  Stack& stack = stacks_.front();
  narrow(all_, area(whole), stack);
  if (stack.layers.empty()) return banked(stack.ground, column, row);
  paint(whole, stack, 1);
  encoder_.encode(rgb_, encoded_);
  return encoded_;
}

std::span<const std::uint8_t> LevelPainter::banked(Material material, std::int64_t column, std::int64_t row) {
  const auto place = static_cast<std::size_t>((row % repeat_) * repeat_ + column % repeat_);
  std::vector<std::uint8_t>& tile = bank_[static_cast<std::size_t>(material)][place];
  if (tile.empty()) {
    paint_plain({0, 0, side_}, material);
    encoder_.encode(rgb_, tile);
    tile.shrink_to_fit();
  }
  return tile;
}

Rect LevelPainter::area(const Block& block) const {
  const double left = static_cast<double>(left_ + block.x);
  const double top = static_cast<double>(top_ + block.y);
  return {left * downsample_, top * downsample_, (left + block.side) * downsample_,
          (top + block.side) * downsample_};
}

double LevelPainter::width_of_edge(const Layer& layer) const {
  return std::max(layer.softness, downsample_);
}

/// Leaves out what does not touch the area and what is hidden there below a layer that covers it.
void LevelPainter::narrow(const Stack& from, const Rect& area, Stack& to) const {
  to.ground = from.ground;
  to.layers.clear();
  for (const Layer* layer : from.layers) {
    const Side side = layer->outline.side(area, 0.5 * width_of_edge(*layer));
    if (side == Side::outside) continue;
    if (side == Side::inside) {
      to.ground = layer->material;
      to.layers.clear();
    } else {
      to.layers.push_back(layer);
    }
  }
}

void LevelPainter::paint(const Block& block, const Stack& stack, std::size_t depth) {
  if (stack.layers.empty()) return paint_plain(block, stack.ground);
  if (block.side <= smallest_block) return paint_pixels(block, stack);
  const int half = block.side / 2;
  for (int quadrant = 0; quadrant < 4; ++quadrant) {
    const Block part{block.x + (quadrant % 2) * half, block.y + (quadrant / 2) * half, half};
    narrow(stack, area(part), stacks_[depth]);
    paint(part, stacks_[depth], depth + 1);
  }
}

void LevelPainter::paint_plain(const Block& block, Material material) {
  const Swatch& swatch = swatches_[static_cast<std::size_t>(material)];
  for (int y = block.y; y < block.y + block.side; ++y) {
    const std::uint8_t* from = swatch.row(top_ + y);
    std::uint8_t* to = rgb_.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(side_) +
                                      static_cast<std::size_t>(block.x)) *
                                         3;
    for (int done = 0; done < block.side;) {
      const int x = static_cast<int>((left_ + block.x + done) % swatch.side);
      const int run = std::min(block.side - done, swatch.side - x);
      std::memcpy(to + 3 * done, from + 3 * x, static_cast<std::size_t>(run) * 3);
      done += run;
    }
  }
}

void LevelPainter::paint_pixels(const Block& block, const Stack& stack) {
  paint_plain(block, stack.ground);
  for (const Layer* layer : stack.layers) {
    const Swatch& swatch = swatches_[static_cast<std::size_t>(layer->material)];
    const double edge = width_of_edge(*layer);
    for (int y = block.y; y < block.y + block.side; ++y) {
      const std::uint8_t* paint_row = swatch.row(top_ + y);
      std::uint8_t* pixel = rgb_.data() + (static_cast<std::size_t>(y) * static_cast<std::size_t>(side_) +
                                           static_cast<std::size_t>(block.x)) *
                                              3;
      for (int x = block.x; x < block.x + block.side; ++x, pixel += 3) {
        const Point middle{(static_cast<double>(left_ + x) + 0.5) * downsample_,
                           (static_cast<double>(top_ + y) + 0.5) * downsample_};
        const double cover = std::clamp(0.5 - layer->outline.distance(middle) / edge, 0.0, 1.0);
        const std::uint8_t* paint = paint_row + 3 * ((left_ + x) % swatch.side);
        for (int c = 0; c < 3; ++c)
          pixel[c] = to_byte(static_cast<float>(pixel[c] + cover * (paint[c] - pixel[c])));
      }
    }
  }
}

}  // namespace flowrun::wsi::synth
