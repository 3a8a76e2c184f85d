// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <optional>

#include "nodes/slide/sampling.h"

namespace flowrun::wsi {

/// What happens where a tile reaches over the right or bottom edge of the slide: it is left out, padded, or
/// moved back until it lies within.
enum class Edge { drop, pad, shift };

/// A tile's place. `column` and `row` are pixels of the level that is read; x and y level-0 pixels, rounded:
/// so each tells the other.
struct Cell {
  std::int64_t column = 0, row = 0;
  std::int64_t x = 0, y = 0;
};

/// The regular grid of tiles over one slide, row by row from the top left. A slide smaller than a tile has
/// none, unless it is padded. Where tiles' edges fall between pixels of the level, Sampling's rule holds.
class Grid {
 public:
  /// `size` and `stride` in tile pixels.
  Grid(const Slide& slide, Sampling sampling, int size, int stride, Edge edge);

  /// The next cell, or nothing after the last.
  std::optional<Cell> next();
  /// The cell with its top left corner at this level-0 pixel, which need not lie on the grid.
  Cell at(std::int64_t x, std::int64_t y) const;

  int level() const { return sampling_.level; }
  int size() const { return size_; }
  /// Width and height of the window that is read for a tile, in pixels of level().
  int window() const { return window_; }
  /// Width and height of a tile in level-0 pixels.
  double extent() const { return extent_; }

 private:
  /// Positions along one side of the slide, in tile pixels.
  struct Axis {
    std::int64_t side = 0;   // pixels of the level
    std::int64_t last = -1;  // the last position that is allowed
    std::int64_t at = 0;
    bool more = false;
    void restart() { at = 0, more = last >= 0; }
    void advance(int stride, Edge edge);
  };

  Slide slide_;
  Sampling sampling_;
  int size_, stride_, window_;
  Edge edge_;
  double downsample_;  // level-0 pixels per level pixel
  double extent_;
  Axis x_, y_;
};

}  // namespace flowrun::wsi
