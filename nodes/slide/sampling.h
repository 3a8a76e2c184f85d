// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>

namespace flowrun::wsi {

/// By how much of an MPP a level may miss it and still be read as it is: scanners' 40x is 0.25 microns, or
/// 0.2525.
constexpr double default_mpp_tolerance = 0.02;

/// How tiles are read: a window of a level, scaled down where no level has the resolution asked for.
///
/// Windows consist of whole pixels of the level. Where the ratio is no whole number, so that a tile's edges
/// fall between pixels, its window has the size to the nearest pixel, and begins at the nearest pixel: each
/// edge is off by at most one pixel of the level, the middle by at most half a pixel. A tile that lies within
/// the slide has a window within the level: one that only rounding moves over the edge is moved back.
struct Sampling {
  int level = 0;
  double ratio = 1;  ///< pixels of the level per tile pixel

  /// Throws Error when the slide has no such level.
  static Sampling at_level(const Slide& slide, int level);
  /// One tile pixel for `downsample` x `downsample` level-0 pixels: on the level that has it (to 0.5 %), else
  /// from the next finer one. `downsample` is at least 1.
  static Sampling at_downsample(const Slide& slide, double downsample);
  /// One tile pixel for `mpp` x `mpp` microns: on the level that has it but for a share of `tolerance`, which
  /// then is coarser or finer than asked for; else from the next finer one. Throws Error when the slide's own
  /// MPP is unknown, or coarser by more than that.
  static Sampling at_mpp(const Slide& slide, double mpp, double tolerance = default_mpp_tolerance);
  /// As tiles were cut whose MPP a table says: it is exact.
  static Sampling of_tiles(const Slide& slide, double mpp);
  /// Throws Error when the slide's own objective power is unknown or lower.
  static Sampling at_magnification(const Slide& slide, double magnification);

  /// Width and height of a tile's window, in pixels of the level; `size` in tile pixels.
  int window(int size) const;
};

/// The pixels of a level that a tile shows.
struct LevelWindow {
  std::int64_t column = 0, row = 0;  ///< pixels of the level
  int side = 0;                      ///< pixels of the level
};

/// Of a tile whose top left corner is level-0 pixel (x, y) and that is `extent` level-0 pixels wide and high,
/// and `side` of the level.
LevelWindow window_at(const Slide& slide, int level, std::int64_t x, std::int64_t y, double extent, int side);

/// Whether what begins at `from` and is `extent` long lies within a side of `whole` pixels, but for last
/// digits.
bool lies_within(double from, double extent, std::int64_t whole);

/// Where a window of `window` pixels begins that should begin at `at`, in pixels of a level that is `side`
/// pixels wide or high. `inside`: what the tile shows lies within the slide.
std::int64_t window_begin(double at, int window, std::int64_t side, bool inside);

}  // namespace flowrun::wsi
