// SPDX-License-Identifier: Apache-2.0
#include "batch_shape.h"

#include <cmath>

namespace flowrun::torch_nodes {

std::optional<BatchShape> shape_of_batch(std::size_t bytes) {
  for (std::size_t images = 1; images <= 65536 && images * batch_bytes(1, 1) <= bytes; ++images) {
    const auto pixels = static_cast<double>(bytes / images - batch_bytes(1, 0)) / (3 * sizeof(float));
    const auto side = static_cast<std::size_t>(std::llround(std::sqrt(pixels)));
    if (batch_bytes(images, side * side) == bytes)
      return BatchShape{static_cast<std::int64_t>(images), static_cast<std::int64_t>(side)};
  }
  return {};
}

}  // namespace flowrun::torch_nodes
