// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

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

}  // namespace flowrun::torch_nodes
