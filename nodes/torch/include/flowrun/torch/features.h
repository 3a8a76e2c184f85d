// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::torch_nodes {

/// What an encoder says of some tiles of a slide, in their order.
struct Features {
  static constexpr std::string_view packet_type = "torch.features/1";

  struct Place {
    std::int64_t x = 0, y = 0;  ///< left and top edge, level-0 pixels
  };

  at::Tensor values;          ///< float32, tiles x dimensions, on the CPU; all finite
  std::vector<Place> places;  ///< by row of `values`
  wsi::Tile like;  ///< the first tile without its pixels: slide, level, size, extent, overlap, MPP of all
  std::string encoder;  ///< its name
};

}  // namespace flowrun::torch_nodes
