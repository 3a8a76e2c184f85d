// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <filesystem>
#include <optional>
#include <string>

#include "nodes/trainer/training_options.h"

namespace flowrun::torch_nodes {

/// A network to train: an architecture's name, or a TorchScript module.
struct ModelName {
  std::string text = "resnet18";  ///< as given
  std::filesystem::path script;   ///< empty: `text` is an architecture
};
/// What is no architecture's name is a path like any other.
void convert(const Value& value, ModelName& out);

/// How a model of images is trained; Train::describe() explains each.
struct ImageTrainingOptions : TrainingOptions {
  ModelName model;
  std::string output = "auto";
  std::optional<std::filesystem::path> weights;
  bool freeze_backbone = false;
  double layer_decay = 1;
  double mixup = 0;
  bool checkpointing = false;
  bool channels_last = true;
  bool sync_batch_norm = false;
  std::string on_oom = "stop";
};

}  // namespace flowrun::torch_nodes

template <>
struct flowrun::OptionType<flowrun::torch_nodes::ModelName> {
  static std::string name() { return "text"; }
  static std::string text(const torch_nodes::ModelName& v) { return v.text; }
};
