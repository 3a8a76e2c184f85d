// SPDX-License-Identifier: Apache-2.0
#include "stain.h"

#include <algorithm>
#include <cmath>

namespace flowrun::wsi::synth {
namespace {

constexpr std::array<float, 3> hematoxylin_vector = {0.5626F, 0.7201F, 0.4062F};
constexpr std::array<float, 3> eosin_vector = {0.2159F, 0.8012F, 0.5581F};

}  // namespace

StainTable::StainTable() {
  for (std::size_t i = 0; i < size; ++i) {
    const float density = static_cast<float>(i) / steps_per_unit;
    for (std::size_t c = 0; c < 3; ++c) {
      hematoxylin_[i][c] = glass_light[c] * std::exp(-density * hematoxylin_vector[c]);
      eosin_[i][c] = std::exp(-density * eosin_vector[c]);
    }
  }
}

std::size_t StainTable::step(float density) {
  return static_cast<std::size_t>(std::clamp(density * steps_per_unit + 0.5F, 0.0F, size - 1.0F));
}

Rgb StainTable::colour(float hematoxylin, float eosin, float offset) const {
  const auto& light = hematoxylin_[step(hematoxylin)];
  const auto& passed = eosin_[step(eosin)];
  Rgb out;
  for (std::size_t c = 0; c < 3; ++c) out[c] = to_byte(light[c] * passed[c] + offset);
  return out;
}

std::uint8_t to_byte(float value) {
  return static_cast<std::uint8_t>(std::clamp(value + 0.5F, 0.0F, 255.0F));
}

}  // namespace flowrun::wsi::synth
