// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>

namespace torch::jit {
struct Module;
}

namespace flowrun::torch_nodes {

/// The file of a TorchScript module, in memory.
struct ScriptFile {
  at::Tensor bytes;    ///< uint8, on the CPU
  std::string source;  ///< for messages: where it is from

  /// The module, on the CPU. Throws Error when it is none that this libtorch can read.
  torch::jit::Module module() const;
  /// The content of the file of this name that it carries, or nothing. Throws Error as module() does.
  std::string carried(const std::string& name) const;
};

/// A module that trains no more, with its weights as constants of its code and batch normalisation folded
/// into convolutions: the same outputs but for their last digits, in less time. As it is where libtorch
/// cannot. `fold` false: without what rounds otherwise, as batch norms would in half precision. Throws when
/// memory is out.
torch::jit::Module frozen(torch::jit::Module module, bool fold = true);

/// Throws Error when it cannot be read.
ScriptFile read_script(const std::filesystem::path& file);

}  // namespace flowrun::torch_nodes
