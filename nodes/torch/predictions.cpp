// SPDX-License-Identifier: Apache-2.0
#include "predictions.h"

#include <ATen/ATen.h>

#include <algorithm>

namespace flowrun::torch_nodes {

at::Tensor predictions_of(const std::string& task, const at::Tensor& outputs) {
  const at::Tensor numbers = outputs.to(at::kFloat);
  if (task == "classification") return at::softmax(numbers, 1);
  return task == "multilabel" ? at::sigmoid(numbers) : numbers;
}

at::Tensor calibrated(const at::Tensor& logits, const std::vector<double>& temperatures) {
  if (temperatures.empty()) return logits;
  return logits.to(at::kFloat) / at::tensor(temperatures, at::kFloat).to(logits.device());
}

std::vector<double> mean_thresholds(const std::vector<std::vector<double>>& of_models) {
  std::size_t count = 0;
  for (const auto& thresholds : of_models) count = std::max(count, thresholds.size());
  std::vector<double> mean(count);
  for (const auto& thresholds : of_models)
    for (std::size_t i = 0; i < count; ++i)
      mean[i] += (thresholds.empty() ? 0.5 : thresholds.at(i)) / static_cast<double>(of_models.size());
  return mean;
}

std::size_t class_of(const std::vector<float>& probabilities, const std::vector<double>& thresholds) {
  if (!thresholds.empty()) return static_cast<double>(probabilities.at(1)) >= thresholds.front() ? 1 : 0;
  return static_cast<std::size_t>(std::ranges::max_element(probabilities) - probabilities.begin());
}

bool has_label(float probability, const std::vector<double>& thresholds, std::size_t label) {
  return static_cast<double>(probability) >= (thresholds.empty() ? 0.5 : thresholds.at(label));
}

}  // namespace flowrun::torch_nodes
