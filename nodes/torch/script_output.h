// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "script_file.h"

namespace torch::jit {
struct Module;
}

namespace flowrun::torch_nodes {

/// What the numbers of a TorchScript module are, by its code: "probabilities" when what its forward() gives
/// comes from softmax, "sigmoids", or else "logits". Moving, copying and shaping them changes nothing of
/// that.
std::string output_by_code(const torch::jit::Module& module);
/// The same of one in a file. Throws Error when it is none.
std::string output_by_code(const ScriptFile& script);

}  // namespace flowrun::torch_nodes
