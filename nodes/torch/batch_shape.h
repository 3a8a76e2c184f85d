// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/costs.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace flowrun::torch_nodes {

/// Images of a batch, each of side x side pixels.
struct BatchShape {
  std::int64_t images = 0, side = 0;
};

/// What to_tensor says that a batch takes: pixels of three colours as float32, and a label for each image.
constexpr std::size_t batch_bytes(std::size_t images, std::size_t pixels) {
  return images * (pixels * 3 * sizeof(float) + sizeof(std::int64_t));
}

/// By this name to_tensor tells the pixels along the side of a batch's images.
inline constexpr std::string_view told_side = "side";

/// The most that a plan says of the batches on an input. Nothing when they are not to_tensor's.
std::optional<BatchShape> shape_of_batches(const Costs& costs, std::string_view input);

}  // namespace flowrun::torch_nodes
