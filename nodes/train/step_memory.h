// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "training_options.h"

namespace flowrun::torch_nodes {

/// Bytes of tensors that training on the CPU takes at once.
struct StepMemory {
  std::size_t fixed = 0;      ///< weights, gradients, what the optimizer keeps, and what goes on beside them
  std::size_t per_image = 0;  ///< activations, and what the backward pass makes of them

  /// A sixth more than the tensors: what lies between them and is too small for the next ones, and what
  /// libtorch's kernels take for themselves (measured: 5 to 15 %).
  std::size_t of(std::int64_t images) const {
    const std::size_t tensors = fixed + static_cast<std::size_t>(images) * per_image;
    return tensors + tensors / 6;
  }
};

/// Measures steps of a model with random weights, with one image and with two, each of side x side pixels;
/// with two and with four where batch normalisation refuses one. `outputs` is how many numbers the model
/// gives. Throws what the model throws.
StepMemory measure_step(const TrainingOptions& options, std::int64_t outputs, std::int64_t side);

}  // namespace flowrun::torch_nodes
