// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/costs.h>

#include <cstdint>
#include <optional>
#include <string_view>

namespace flowrun::torch_nodes {

/// Images of a batch, each of side x side pixels.
struct BatchShape {
  std::int64_t images = 0, side = 0;
};

/// Of the largest batch on an input, as the plan was told; images that are no squares count as squares of at
/// least as many pixels. Nothing: who makes them did not tell.
std::optional<BatchShape> shape_of_batches(const Costs& costs, std::string_view input);

}  // namespace flowrun::torch_nodes
