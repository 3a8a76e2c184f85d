// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/model.h>

#include <filesystem>

namespace flowrun::torch_nodes {

/// Writes the model as a TorchScript module: what it does to two images of its size, traced; for any number
/// of images. It carries the facts as flowrun.json. Throws Error.
void write_script(const std::filesystem::path& file, const Model& model);

}  // namespace flowrun::torch_nodes
