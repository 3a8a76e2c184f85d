// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <flowrun/torch/model.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// What checkpoints say under "format".
constexpr const char* checkpoint_format = "flowrun.checkpoint/2";

/// A checkpoint of `train`, read.
struct Checkpoint {
  c10::IValue all;  ///< a dict
  ModelFacts facts;
  bool has(const std::string& name) const;
  /// Throws Error when it is missing.
  c10::IValue entry(const std::string& name) const;
};

/// Throws Error when `file` is none.
Checkpoint read_checkpoint(const std::filesystem::path& file);
/// Writes the facts as entries of a checkpoint.
void add_facts(const ModelFacts& facts, c10::impl::GenericDict& checkpoint);

/// The facts as JSON.
std::string to_text(const ModelFacts& facts);
/// The file that a TorchScript module made by `export` carries them in.
constexpr const char* facts_file = "flowrun.json";

/// What the user says of a model's outputs.
struct OutputFacts {
  std::vector<std::string> classes{};  ///< their names, of a module that does not say them itself
  std::string output = "auto";         ///< what kind of numbers a module gives
  std::optional<std::string> task{};   ///< of a module that does not say it itself; another one's is refused
};

/// The model of a checkpoint of `train`, or of a TorchScript module, not training. Throws Error.
Model read_model(const std::filesystem::path& file, const OutputFacts& told = {});
/// A model with a network of its own, on the CPU.
Model copy_of(const Model& model);

}  // namespace flowrun::torch_nodes
