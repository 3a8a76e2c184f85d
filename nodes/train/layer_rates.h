// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <vector>

namespace flowrun::torch_nodes {

/// What the learning rates of an architecture's parameters are multiplied with, in their order: 1 in the last
/// layer, `decay` times that of what follows in each block, and once more in what comes before the first
/// (Bao et al. 2022; the groups of timm's param_groups_layer_decay: what comes between the last block and the
/// last layer belongs to that block).
std::vector<double> layer_rates(const Network& network, double decay);

}  // namespace flowrun::torch_nodes
