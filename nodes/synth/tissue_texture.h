// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace flowrun::wsi::synth {

/// What a place of the slide is made of.
enum class Material : std::uint8_t {
  glass,     ///< nothing but light
  stroma,    ///< eosin fibres with few spindle-shaped nuclei
  tumor,     ///< nests of large nuclei in violet cytoplasm
  lymphoid,  ///< small dark nuclei side by side
};
inline constexpr int material_count = 4;

/// A square picture that repeats seamlessly along both axes: side * side pixels of R, G, B, row by row.
struct Swatch {
  int side = 0;
  std::vector<std::uint8_t> rgb;

  /// The row (y modulo the side).
  const std::uint8_t* row(std::int64_t y) const {
    return rgb.data() + static_cast<std::size_t>(y % side) * static_cast<std::size_t>(side) * 3;
  }
};

/// One swatch for each material, by the material's number.
using Swatches = std::array<Swatch, material_count>;

/// Renders all materials at level 0. `side` in pixels, a power of two; `mpp` in microns per pixel scales
/// nuclei and fibres (held within 1/16 and 4, where neither a nucleus nor their number gets out of hand).
Swatches render_swatches(int side, double mpp, std::uint64_t seed);

/// The same materials on the next level: a fourth of the side, each pixel the mean of 4 x 4. The sides must
/// be multiples of four.
Swatches next_level(const Swatches& swatches);

}  // namespace flowrun::wsi::synth
