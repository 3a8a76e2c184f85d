// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "image_options.h"

namespace flowrun::torch_nodes {

/// Bytes of tensors that a forward and a backward pass on the CPU have at once.
struct StepMemory {
  std::size_t fixed = 0;      ///< weights, gradients, and what goes on beside them
  std::size_t per_image = 0;  ///< activations, and what the backward pass makes of them
};

/// Measures passes of a model with random weights, with two images and with four, each of side x side pixels.
/// `outputs` is how many numbers the model gives. Throws what the model throws.
StepMemory measure_step(const ImageTrainingOptions& options, std::int64_t outputs, std::int64_t side);

}  // namespace flowrun::torch_nodes
