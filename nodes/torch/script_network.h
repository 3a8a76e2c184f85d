// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <cstdint>
#include <memory>
#include <string>

#include "script_file.h"

namespace flowrun::torch_nodes {

/// What facts call the architecture of all TorchScript modules.
constexpr const char* script_architecture = "torchscript";

/// A TorchScript module that maps images to `output`: "logits", "probabilities" (of these forward() gives the
/// logarithms, which are logits of theirs), or "auto": probabilities when its code ends in softmax, else
/// logits. What it draws while it trains depends on the seed: see AsDefaultGenerators. Throws Error when it
/// is none. forward() throws Error when the numbers are not of that kind, as far as they tell.
std::unique_ptr<Network> load_script(const ScriptFile& file, const std::string& output,
                                     std::uint64_t seed = 0);

}  // namespace flowrun::torch_nodes
