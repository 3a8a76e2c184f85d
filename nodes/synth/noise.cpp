// SPDX-License-Identifier: Apache-2.0
#include "noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "nodes/base/random.h"

namespace flowrun::wsi::synth {
namespace {

int cells(int side, double wavelength) {
  return static_cast<int>(std::clamp(std::round(side / wavelength), 1.0, static_cast<double>(side)));
}

float fade(float t) {
  return t * t * t * (t * (t * 6.0F - 15.0F) + 10.0F);
}

float mix_linear(float a, float b, float t) {
  return a + (b - a) * t;
}

int wrapped_cell(int cell, int count) {
  if (cell >= 0 && cell < count) return cell;  // spares nearly all divisions
  const int rest = cell % count;
  return rest < 0 ? rest + count : rest;
}

}  // namespace

PeriodicNoise::PeriodicNoise(int side, double wavelength_x, double wavelength_y, std::uint64_t seed,
                             std::uint64_t stream)
    : columns_(cells(side, wavelength_x)),
      rows_(cells(side, wavelength_y)),
      per_pixel_x_(static_cast<float>(columns_) / static_cast<float>(side)),
      per_pixel_y_(static_cast<float>(rows_) / static_cast<float>(side)),
      lattice_(static_cast<std::size_t>(columns_) * static_cast<std::size_t>(rows_)) {
  Random random(seed, stream);
  for (Gradient& gradient : lattice_) {
    const double angle = random.uniform(0.0, 2.0 * std::numbers::pi);
    gradient = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
}

float PeriodicNoise::corner(int column, int row, float dx, float dy) const {
  const Gradient& gradient = lattice_[static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
                                      static_cast<std::size_t>(column)];
  return gradient.x * dx + gradient.y * dy;
}

float PeriodicNoise::operator()(float x, float y) const {
  const float u = x * per_pixel_x_;
  const float v = y * per_pixel_y_;
  const float cell_x = std::floor(u);
  const float cell_y = std::floor(v);
  const float dx = u - cell_x;
  const float dy = v - cell_y;
  const int left = wrapped_cell(static_cast<int>(cell_x), columns_);
  const int top = wrapped_cell(static_cast<int>(cell_y), rows_);
  const int right = left + 1 == columns_ ? 0 : left + 1;
  const int bottom = top + 1 == rows_ ? 0 : top + 1;
  const float across = fade(dx);
  const float upper = mix_linear(corner(left, top, dx, dy), corner(right, top, dx - 1, dy), across);
  const float lower =
      mix_linear(corner(left, bottom, dx, dy - 1), corner(right, bottom, dx - 1, dy - 1), across);
  return 1.4F * mix_linear(upper, lower, fade(dy));
}

}  // namespace flowrun::wsi::synth
