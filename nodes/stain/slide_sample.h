// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "optical_density.h"

namespace flowrun::wsi {

/// What a slide's stains are found from: squares of its tissue.
struct SlideSample {
  int windows = 32;        ///< squares of 256 x 256 pixels
  double downsample = 1;   ///< level-0 pixels per pixel of them
  std::uint64_t seed = 0;  ///< which ones

  /// Bytes that sample_tissue takes, its result included.
  std::size_t bytes() const;
};

/// Reads squares of tissue, drawn by a hash of seed, slide and place, and puts them one below the other: rows
/// x 256 x 3, 8 bit, RGB; fewer columns on a smaller slide, no rows where there is no tissue. Tissue is where
/// the mask covers at least half of a square, else a tenth, else any of it; `mask` may be null. Squares with
/// stain on less than a tenth of their pixels, or inked, are passed over, at most three for each that is
/// wanted. So the cost does not grow with the slide. Depends on nothing but the arguments. Thread-safe.
cv::Mat sample_tissue(const Slide& slide, const Mask* mask, const Densitometry& light,
                      const SlideSample& wanted);

}  // namespace flowrun::wsi
