// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// A network to train: an architecture's name, or a TorchScript module.
struct ModelName {
  std::string text = "resnet18";  ///< as given
  std::filesystem::path script;   ///< empty: `text` is an architecture
};
/// What is no architecture's name is a path like any other.
void convert(const Value& value, ModelName& out);

/// How a model is trained; Train::describe() explains each.
struct TrainingOptions {
  std::string task = "classification";
  ModelName model;
  std::string output = "auto";
  std::optional<std::filesystem::path> weights;
  bool freeze_backbone = false;

  std::optional<std::string> loss;         ///< see loss_name()
  std::vector<std::string> class_weights;  ///< none, "auto", or a number for each class
  double label_smoothing = 0;
  double focal_gamma = 2;
  double huber_delta = 1;

  std::string optimizer = "adamw";
  double learning_rate = 1e-3;
  double weight_decay = 0.01;
  double momentum = 0.9;
  std::string schedule = "cosine";
  double warmup_epochs = 0;
  int step_epochs = 10;
  double step_factor = 0.1;
  std::optional<double> clip_norm;
  int accumulate = 1;

  std::string precision = "fp32";
  bool checkpointing = false;
  bool channels_last = true;
  std::string device = "auto";
  std::optional<int> threads;
  int empty_cache_steps = 0;
  std::string on_oom = "stop";

  std::optional<std::string> metric;  ///< see metric_name()
  std::optional<int> patience;
  std::int64_t seed = 0;
};

}  // namespace flowrun::torch_nodes

template <>
struct flowrun::OptionType<flowrun::torch_nodes::ModelName> {
  static std::string name() { return "text"; }
  static std::string text(const torch_nodes::ModelName& v) { return v.text; }
};
