// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/model.h>

#include <filesystem>

namespace flowrun::torch_nodes {

/// Writes the model as a TorchScript module, not training: the one that was trained, with its weights, or
/// what one of our networks does to two images, traced; for any number of images. It carries the facts as
/// flowrun.json. Throws Error.
void write_script(const std::filesystem::path& file, const Model& model);

}  // namespace flowrun::torch_nodes
