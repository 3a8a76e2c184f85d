// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// How a model is trained, whatever a sample is; Train::describe() explains each.
struct TrainingOptions {
  std::string task = "classification";
  std::optional<std::string> loss;         ///< see loss_name()
  std::vector<std::string> class_weights;  ///< none, "auto", or a number for each class
  double label_smoothing = 0;
  double focal_gamma = 2;
  double huber_delta = 1;

  std::string optimizer = "adamw";
  double learning_rate = 1e-3;
  double weight_decay = 0.01;
  std::string decay = "all";
  double momentum = 0.9;
  std::string schedule = "cosine";
  double warmup_epochs = 0;
  int step_epochs = 10;
  double step_factor = 0.1;
  std::optional<double> clip_norm;
  int accumulate = 1;
  std::optional<double> ema;

  std::string precision = "fp32";
  std::string device = "auto";
  std::optional<int> threads;
  int empty_cache_steps = 0;

  std::optional<std::string> metric;  ///< see metric_name()
  std::optional<int> patience;
  bool calibrate = false;
  std::string threshold = "none";
  std::optional<std::string> licence, intended_use;  ///< for the model card
  std::int64_t seed = 0;
};

}  // namespace flowrun::torch_nodes
