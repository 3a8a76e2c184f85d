// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <optional>

namespace flowrun::wsi {

/// What happens where a tile reaches over the right or bottom edge of the slide.
enum class Edge { drop, pad };

/// The regular grid of tiles over one slide, row by row from the top left.
class Grid {
 public:
  /// A tile's place. `column` and `row` are pixels of the level that is read; x and y level-0 pixels.
  struct Cell {
    std::int64_t column = 0, row = 0;
    std::int64_t x = 0, y = 0;
  };

  /// The grid on a level of the slide. Throws Error when the slide has no such level.
  static Grid on_level(const Slide& slide, int level, int size, int stride, Edge edge);
  /// The grid at `mpp` microns per tile pixel: on the level that has it (to 0.5 %), else scaled down from the
  /// next finer one. Throws Error when the slide's own MPP is unknown or coarser.
  static Grid at_mpp(const Slide& slide, double mpp, int size, int stride, Edge edge);

  /// The next cell, or nothing after the last.
  std::optional<Cell> next();

  int level() const { return level_; }
  int size() const { return size_; }
  /// Width and height of the window that is read for a tile, in pixels of level().
  int window() const { return window_; }
  /// Width and height of a tile in level-0 pixels.
  double extent() const { return extent_; }

 private:
  Grid(const Slide& slide, int level, double ratio, int size, int stride, Edge edge);

  int level_, size_, stride_, window_;
  double ratio_;       // level pixels per tile pixel
  double downsample_;  // level-0 pixels per level pixel
  double extent_;
  std::int64_t last_x_, last_y_;  // of a tile's left and top edge, in tile pixels
  std::int64_t x_ = 0, y_ = 0;    // of the next tile, in tile pixels
};

}  // namespace flowrun::wsi
