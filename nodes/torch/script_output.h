// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace torch::jit {
struct Module;
}

namespace flowrun::torch_nodes {

/// What the numbers of a TorchScript module are, by its code: "probabilities" when what its forward() gives
/// comes from softmax, "sigmoids", or else "logits". Moving, copying and shaping them changes nothing of
/// that.
std::string output_by_code(const torch::jit::Module& module);

}  // namespace flowrun::torch_nodes
