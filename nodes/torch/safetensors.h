// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>

namespace flowrun::torch_nodes {

/// Reads a safetensors file: 8 bytes N (little endian), N bytes of JSON that say type, shape and place of
/// each tensor, then the tensors (https://github.com/huggingface/safetensors, "Format"). Throws Error.
std::map<std::string, at::Tensor> read_safetensors(const std::filesystem::path& file);

}  // namespace flowrun::torch_nodes
