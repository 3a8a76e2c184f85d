// SPDX-License-Identifier: Apache-2.0
#include "batch_shape.h"

#include <flowrun/torch/batch.h>

#include <cmath>

namespace flowrun::torch_nodes {

std::optional<BatchShape> shape_of_batches(const Costs& costs, std::string_view input) {
  const auto pixels = costs.told(input, Batch::told_pixels);
  if (!pixels) return {};
  const std::size_t of_image = Batch::bytes_of(1, static_cast<std::size_t>(*pixels));
  return BatchShape{static_cast<std::int64_t>(costs.in(input) / of_image),
                    std::llround(std::ceil(std::sqrt(static_cast<double>(*pixels))))};
}

}  // namespace flowrun::torch_nodes
