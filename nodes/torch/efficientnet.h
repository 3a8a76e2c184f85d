// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layers.h"

namespace flowrun::torch_nodes {

/// EfficientNet-B0 (Tan and Le 2019, "EfficientNet: rethinking model scaling"), with torchvision's names,
/// stochastic depth (0 to 0.2, Huang et al. 2016) and dropout (0.2).
std::shared_ptr<BlockNetwork> make_efficientnet_b0(std::int64_t classes, const Randomness& random);

}  // namespace flowrun::torch_nodes
