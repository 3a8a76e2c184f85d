// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "nodes/slide/samples.h"

namespace flowrun::wsi {

/// What it takes to read samples that are finer on their slides, beyond what `load` plans.
struct Reading {
  std::size_t bytes = 0;     ///< of a sample, where tables say how large they are
  double largest_ratio = 1;  ///< of level pixels to tile pixels, where they do not
};

/// Opens each slide once where its resolutions do not tell; what cannot be opened or read so is an error
/// later, of its samples.
Reading reading_of(const Samples& samples, OpenSlides& slides);

/// Reading::bytes at most, as far as tables tell without the slides: by extents, were they read from level 0.
std::size_t most_reading_bytes(const Samples& samples);

}  // namespace flowrun::wsi
