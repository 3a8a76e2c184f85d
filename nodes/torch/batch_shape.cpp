// SPDX-License-Identifier: Apache-2.0
#include "batch_shape.h"

namespace flowrun::torch_nodes {

std::optional<BatchShape> shape_of_batches(const Costs& costs, std::string_view input) {
  const auto side = costs.told(input, told_side);
  if (!side) return {};
  const std::size_t of_image = batch_bytes(1, static_cast<std::size_t>(*side * *side));
  return BatchShape{static_cast<std::int64_t>(costs.in(input) / of_image), *side};
}

}  // namespace flowrun::torch_nodes
