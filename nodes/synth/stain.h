// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace flowrun::wsi::synth {

using Rgb = std::array<std::uint8_t, 3>;

/// Colour of the empty slide, R, G, B: what light is left of without any stain.
inline constexpr std::array<float, 3> glass_light = {244.0F, 243.0F, 245.0F};

/// Colours of stained tissue by Beer-Lambert: light * exp(-(hematoxylin * H + eosin * E)), with the stain
/// vectors of Macenko's reference as optical densities (natural logarithm) of R, G, B.
class StainTable {
 public:
  StainTable();

  /// Densities from 0 to 3; beyond them the nearest is taken. `offset` is added to all channels.
  Rgb colour(float hematoxylin, float eosin, float offset) const;

 private:
  static constexpr int steps_per_unit = 512;
  static constexpr int size = 3 * steps_per_unit + 1;
  static std::size_t step(float density);

  std::array<std::array<float, 3>, size> hematoxylin_;
  std::array<std::array<float, 3>, size> eosin_;
};

/// Rounds and clamps to a byte.
std::uint8_t to_byte(float value);

}  // namespace flowrun::wsi::synth
