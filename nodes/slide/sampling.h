// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

namespace flowrun::wsi {

/// How tiles are read: a window of a level, scaled down where no level has the resolution asked for.
struct Sampling {
  int level = 0;
  double ratio = 1;  ///< pixels of the level per tile pixel

  /// Throws Error when the slide has no such level.
  static Sampling at_level(const Slide& slide, int level);
  /// One tile pixel for `downsample` x `downsample` level-0 pixels: on the level that has it (to 0.5 %), else
  /// from the next finer one. `downsample` is at least 1.
  static Sampling at_downsample(const Slide& slide, double downsample);
  /// Throws Error when the slide's own MPP is unknown or coarser.
  static Sampling at_mpp(const Slide& slide, double mpp);
  /// Throws Error when the slide's own objective power is unknown or lower.
  static Sampling at_magnification(const Slide& slide, double magnification);
};

}  // namespace flowrun::wsi
