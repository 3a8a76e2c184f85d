// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace flowrun::wsi::synth {

/// Gradient (Perlin) noise that repeats every `side` pixels along both axes; about [-1, 1], mean 0. The
/// wavelengths along x and y, in pixels, are rounded to whole fractions of the side.
class PeriodicNoise {
 public:
  PeriodicNoise(int side, double wavelength_x, double wavelength_y, std::uint64_t seed, std::uint64_t stream);

  /// Any finite position, in pixels.
  float operator()(float x, float y) const;

 private:
  struct Gradient {
    float x;
    float y;
  };
  float corner(int column, int row, float dx, float dy) const;

  int columns_;
  int rows_;
  float per_pixel_x_;
  float per_pixel_y_;
  std::vector<Gradient> lattice_;
};

}  // namespace flowrun::wsi::synth
