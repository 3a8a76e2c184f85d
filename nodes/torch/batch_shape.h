// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

namespace flowrun::torch_nodes {

/// Images of a batch, each of side x side pixels.
struct BatchShape {
  std::int64_t images = 0, side = 0;
};

/// What to_tensor says that a batch takes: pixels of three colours as float32, and a label for each image.
constexpr std::size_t batch_bytes(std::size_t images, std::size_t pixels) {
  return images * (pixels * 3 * sizeof(float) + sizeof(std::int64_t));
}

/// The shape of a batch of so many bytes, all that a plan knows of it: the one with the largest images where
/// several have as many bytes, which takes about the same memory. Nothing when none has.
std::optional<BatchShape> shape_of_batch(std::size_t bytes);

}  // namespace flowrun::torch_nodes
