// SPDX-License-Identifier: Apache-2.0
#include "slide_outputs.h"

#include <ATen/ATen.h>

#include "nodes/torch/predictions.h"

namespace flowrun::torch_nodes {

std::int64_t numbers_of(const std::string& task, std::size_t names) {
  const bool fewer = task == "ordinal" || (task == "survival" && names > 1);
  return static_cast<std::int64_t>(names) - (fewer ? 1 : 0);
}

at::Tensor slide_predictions(const std::string& task, const at::Tensor& numbers) {
  const at::Tensor logits = numbers.to(at::kFloat);
  if (task == "ordinal") {
    const at::Tensor beyond = at::sigmoid(logits).cumprod(1);
    const at::Tensor ends = at::ones({logits.size(0), 1}, beyond.options());
    return at::cat({ends, beyond}, 1) - at::cat({beyond, at::zeros_like(ends)}, 1);
  }
  if (task == "survival") {
    if (logits.size(1) == 1) return logits;
    const at::Tensor survival = (1 - at::sigmoid(logits)).cumprod(1);
    return at::cat({-survival.sum(1, true), survival}, 1);
  }
  return predictions_of(task, numbers);
}

std::size_t class_of(const std::string& task, const std::vector<float>& probabilities,
                     const std::vector<double>& thresholds) {
  if (task == "ordinal") {
    double up_to = 0;
    for (std::size_t i = 0; i + 1 < probabilities.size(); ++i)
      if ((up_to += static_cast<double>(probabilities[i])) >= 0.5) return i;
    return probabilities.size() - 1;
  }
  return class_of(probabilities, thresholds);
}

}  // namespace flowrun::torch_nodes
