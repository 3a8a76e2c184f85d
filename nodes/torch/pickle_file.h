// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>
#include <flowrun/torch/network.h>

#include <filesystem>

namespace flowrun::torch_nodes {

/// Reads what Python's torch.save (zip format) or write_pickle wrote, tensors to the CPU; see unpickle().
/// Throws Error.
c10::IValue read_pickle(const std::filesystem::path& file);
/// Writes dicts, lists, numbers, strings and tensors so that Python's torch.load reads them. The same bytes
/// for the same value. Throws Error.
void write_pickle(const std::filesystem::path& file, const c10::IValue& value);

/// Tensors by name, on the CPU, to be written at once: they share memory with those given, unless what these
/// show is only a part of it.
c10::IValue to_dict(const NamedTensors& tensors);

}  // namespace flowrun::torch_nodes
