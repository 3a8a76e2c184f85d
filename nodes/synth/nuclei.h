// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace flowrun::wsi::synth {

/// How the nuclei of a material look and lie; lengths in pixels.
struct NucleiStyle {
  double pitch;         ///< mean distance between neighbours
  double presence;      ///< share of the places that hold a nucleus, 0 to 1
  double smallest;      ///< of the long diameter
  double largest;       ///< of the long diameter
  double roundness;     ///< least ratio of the short diameter to the long one, at most 1
  double turn;          ///< greatest angle to the x axis, radians
  float least_density;  ///< hematoxylin density of the palest nucleus
  float most_density;   ///< and of the darkest
};

/// Hematoxylin density of elliptic nuclei with soft rims on a periodic square of side * side pixels, row by
/// row; 0 between them. They lie on a jittered hexagonal grid, and where they overlap the darker one wins.
std::vector<float> scatter_nuclei(int side, const NucleiStyle& style, std::uint64_t seed,
                                  std::uint64_t stream);

}  // namespace flowrun::wsi::synth
