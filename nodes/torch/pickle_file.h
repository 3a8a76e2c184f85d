// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>
#include <flowrun/torch/network.h>

#include <filesystem>
#include <map>
#include <string>

namespace flowrun::torch_nodes {

/// Reads what Python's torch.save (zip format) or write_pickle wrote, tensors to the CPU; see unpickle().
/// Throws Error.
c10::IValue read_pickle(const std::filesystem::path& file);
/// Whether it is a TorchScript module, which is in the same format and has code beside the pickle.
bool is_script(const std::filesystem::path& file);
/// Writes dicts, lists, numbers, strings and tensors so that Python's torch.load reads them, also with
/// weights_only=True. The same bytes
/// for the same value. Throws Error.
void write_pickle(const std::filesystem::path& file, const c10::IValue& value);

/// Tensors by name, on the CPU, to be written at once: they share memory with those given, unless what these
/// show is only a part of it.
c10::IValue to_dict(const NamedTensors& tensors);
/// Back: the tensors of a dict by name. Throws when it holds anything else.
std::map<std::string, at::Tensor> to_map(const c10::IValue& dict);

}  // namespace flowrun::torch_nodes
