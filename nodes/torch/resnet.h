// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "layers.h"

namespace flowrun::torch_nodes {

/// Residual networks of 18, 34 or 50 layers (He et al. 2015, "Deep residual learning for image recognition"),
/// with torchvision's names.
std::shared_ptr<BlockNetwork> make_resnet(int depth, std::int64_t classes, const Randomness& random);

}  // namespace flowrun::torch_nodes
