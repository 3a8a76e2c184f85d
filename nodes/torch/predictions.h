// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// What a model's outputs may be: ModelFacts::task.
inline const std::vector<std::string> tasks{"classification", "multilabel", "regression"};
/// Besides, of models of slides.
inline const std::vector<std::string> tasks_of_slides{"ordinal", "survival"};

/// What outputs (samples x outputs, of any float type) say: a probability for each class (softmax) or label
/// (sigmoid), or the numbers themselves; float32.
at::Tensor predictions_of(const std::string& task, const at::Tensor& outputs);

/// Logits divided by ModelFacts::temperatures, float32; as they are when there are none.
at::Tensor calibrated(const at::Tensor& logits, const std::vector<double>& temperatures);

/// What the mean of several models' probabilities is compared with: the mean of their thresholds, 0.5 of
/// those that have none; none when none has any.
std::vector<double> mean_thresholds(const std::vector<std::vector<double>>& of_models);

/// The class that probabilities say: the highest, or by ModelFacts::thresholds.
std::size_t class_of(const std::vector<float>& probabilities, const std::vector<double>& thresholds);
/// Whether the probability of a label says that a sample has it, likewise.
bool has_label(float probability, const std::vector<double>& thresholds, std::size_t label);

}  // namespace flowrun::torch_nodes
