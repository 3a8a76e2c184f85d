// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "islands.h"
#include "jpeg_tile.h"
#include "tissue_texture.h"

namespace flowrun::wsi::synth {

/// Paints the tiles of one level of a scene. Tiles of a single material are encoded once and then handed out
/// again and again; the others are composed and encoded each time. Not thread-safe.
class LevelPainter {
 public:
  /// `swatches` are those of the level, `downsample` is level-0 pixels per pixel of the level. All references
  /// are kept and must outlive the painter.
  LevelPainter(const Scene& scene, const Swatches& swatches, double downsample, JpegTileEncoder& encoder);

  /// The JPEG stream of the tile in this column and row; valid until the next call. Throws what the encoder
  /// does.
  std::span<const std::uint8_t> tile(std::int64_t column, std::int64_t row);

 private:
  /// A square part of the tile being composed; pixels of the level.
  struct Block {
    int x;
    int y;
    int side;
  };
  /// Layers that matter to a block, in painting order. The material below them is that of `ground`.
  struct Stack {
    Material ground = Material::glass;
    std::vector<const Layer*> layers;
  };

  Rect area(const Block& block) const;
  double width_of_edge(const Layer& layer) const;
  void narrow(const Stack& from, const Rect& area, Stack& to) const;
  void paint(const Block& block, const Stack& stack, std::size_t depth);
  void paint_plain(const Block& block, Material material);
  void paint_pixels(const Block& block, const Stack& stack);
  std::span<const std::uint8_t> banked(Material material, std::int64_t column, std::int64_t row);

  const Swatches& swatches_;
  double downsample_;
  JpegTileEncoder& encoder_;
  int side_;    // of a tile
  int repeat_;  // tiles until the swatch repeats
  Stack all_;
  std::vector<Stack> stacks_;  // one for each depth of the recursion, to reuse their memory
  std::int64_t left_ = 0;      // of the tile being composed
  std::int64_t top_ = 0;
  std::vector<std::uint8_t> rgb_;
  std::vector<std::uint8_t> encoded_;
  std::array<std::vector<std::vector<std::uint8_t>>, material_count> bank_;
};

}  // namespace flowrun::wsi::synth
