// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "outline.h"
#include "tissue_texture.h"

namespace flowrun::wsi::synth {

/// One connected piece of tissue on the glass.
struct Island {
  Outline border;
  std::optional<Outline> hole;      ///< glass within the tissue
  Material kind = Material::tumor;  ///< tumor or stroma: what most of it is made of
};

/// An area painted with one material over what lies below.
struct Layer {
  Outline outline;
  Material material;
  double softness;  ///< width of the blend across the outline, level-0 pixels
};

/// What lies where on a slide. Built once, then only read: safe to share among threads.
struct Scene {
  std::vector<Island> islands;
  std::vector<Layer> layers;  ///< in painting order, the first directly on the glass
};

/// Places 3 to 8 islands on a slide of width * height level-0 pixels: they do not touch each other or the
/// slide's edge and cover 25 to 45 % of it; kinds alternate, starting with tumor; the largest has a hole.
/// With `tumors`, so many of the smallest are tumor, and nowhere else is any.
/// `mpp` in microns per pixel sets the softness of the inner layers.
Scene make_scene(std::int64_t width, std::int64_t height, double mpp, std::uint64_t seed,
                 std::optional<int> tumors = {});

}  // namespace flowrun::wsi::synth
