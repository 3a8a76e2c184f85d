// SPDX-License-Identifier: Apache-2.0
#include "nuclei.h"

#include <algorithm>
#include <cmath>

#include "nodes/base/random.h"

namespace flowrun::wsi::synth {
namespace {

struct Nucleus {
  double x;
  double y;
  double long_radius;
  double short_radius;
  double angle;
  float density;
};

int wrap(int position, int side) {
  const int rest = position % side;
  return rest < 0 ? rest + side : rest;
}

/// Density within a nucleus by the relative radius: paler inside than at the membrane, then fading out.
float profile(double radius, double softness) {
  const double membrane = 0.84 + 0.16 * radius * radius * radius;
  const double cover = std::clamp(0.5 + (1.0 - radius) / softness, 0.0, 1.0);
  return static_cast<float>(membrane * cover);
}

void draw(const Nucleus& nucleus, int side, std::vector<float>& plane) {
  const double cosine = std::cos(nucleus.angle);
  const double sine = std::sin(nucleus.angle);
  const double softness = 1.6 / std::max(nucleus.short_radius, 0.8);
  const int reach = static_cast<int>(std::ceil(nucleus.long_radius * (1.0 + 0.5 * softness))) + 1;
  const int centre_x = static_cast<int>(std::lround(nucleus.x));
  const int centre_y = static_cast<int>(std::lround(nucleus.y));
  for (int y = centre_y - reach; y <= centre_y + reach; ++y) {
    float* row = plane.data() + static_cast<std::size_t>(wrap(y, side)) * static_cast<std::size_t>(side);
    for (int x = centre_x - reach; x <= centre_x + reach; ++x) {
      const double dx = x - nucleus.x;
      const double dy = y - nucleus.y;
      const double along = (dx * cosine + dy * sine) / nucleus.long_radius;
      const double across = (dy * cosine - dx * sine) / nucleus.short_radius;
      const double squared = along * along + across * across;
      const double limit = 1.0 + 0.5 * softness;
      if (squared >= limit * limit) continue;
      float& pixel = row[wrap(x, side)];
      pixel = std::max(pixel, nucleus.density * profile(std::sqrt(squared), softness));
    }
  }
}

}  // namespace

std::vector<float> scatter_nuclei(int side, const NucleiStyle& style, std::uint64_t seed,
                                  std::uint64_t stream) {
  std::vector<float> plane(static_cast<std::size_t>(side) * static_cast<std::size_t>(side), 0.0F);
  Random random(seed, stream);
  const int columns = std::max(1, static_cast<int>(std::lround(side / style.pitch)));
  const int rows = std::max(1, static_cast<int>(std::lround(side / (style.pitch * 0.866))));
  const double step_x = static_cast<double>(side) / columns;
  const double step_y = static_cast<double>(side) / rows;
  for (int row = 0; row < rows; ++row) {
    for (int column = 0; column < columns; ++column) {
      const bool present = random.uniform() < style.presence;
      Nucleus nucleus;
      nucleus.x = (column + 0.5 * (row % 2) + random.uniform(-0.33, 0.33)) * step_x;
      nucleus.y = (row + random.uniform(-0.33, 0.33)) * step_y;
      nucleus.long_radius = 0.5 * random.uniform(style.smallest, style.largest);
      nucleus.short_radius = nucleus.long_radius * random.uniform(style.roundness, 1.0);
      nucleus.angle = random.uniform(-style.turn, style.turn);
      nucleus.density = static_cast<float>(
          random.uniform(static_cast<double>(style.least_density), static_cast<double>(style.most_density)));
      if (present) draw(nucleus, side, plane);
    }
  }
  return plane;
}

}  // namespace flowrun::wsi::synth
