// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/costs.h>

#include <cstddef>
#include <cstdint>

#include "image_options.h"
#include "nodes/torch/batch_shape.h"

namespace flowrun::torch_nodes {

/// Bytes of tensors that a forward and a backward pass on the CPU have at once.
struct StepMemory {
  std::size_t fixed = 0;      ///< weights, gradients, and what goes on beside them
  std::size_t per_image = 0;  ///< activations, and what the backward pass makes of them
};

/// Measures passes, on the CPU whatever the options' device, of a model with random weights, with two images
/// and with four, each of side x side pixels. `outputs` is how many numbers the model gives. Throws what the
/// model throws.
StepMemory measure_step(const ImageTrainingOptions& options, std::int64_t outputs, std::int64_t side);

/// Adds what a training keeps on a device that takes such steps with such batches, and whose optimizer keeps
/// so many bytes.
void add_training(const StepMemory& step, std::size_t of_optimizer, BatchShape batch,
                  Costs::OnDevice& on_device);

}  // namespace flowrun::torch_nodes
