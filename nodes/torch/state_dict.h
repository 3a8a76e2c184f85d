// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <filesystem>
#include <map>
#include <string>

namespace flowrun::torch_nodes {

/// Reads tensors by name, on the CPU: a state dict as Python's torch.save writes it (zip format, from torch
/// 1.6 on; also under the key "model", "state_dict" or "model_state_dict", as checkpoints have it), or a
/// safetensors file. Throws Error when it is neither.
std::map<std::string, at::Tensor> read_state_dict(const std::filesystem::path& file);

/// What load_weights found of the last layer.
enum class Head { loaded, of_other_classes, missing };

/// Copies the tensors into the network. Their names may begin with what wraps models: "model.", "module.",
/// "_orig_mod.", "net.". The last layer is left as it is when it is missing or its number of classes differs.
/// Throws Error, naming `source` and up to three tensors, when another is missing, left over or of another
/// shape.
Head load_weights(Network& network, const std::map<std::string, at::Tensor>& tensors,
                  const std::string& source);
/// Those of a file to begin with. Throws Error also when they are not finite.
Head load_weights(Network& network, const std::filesystem::path& file);

}  // namespace flowrun::torch_nodes
