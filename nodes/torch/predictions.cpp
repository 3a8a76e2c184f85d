// SPDX-License-Identifier: Apache-2.0
#include "predictions.h"

#include <ATen/ATen.h>

namespace flowrun::torch_nodes {

at::Tensor predictions_of(const std::string& task, const at::Tensor& outputs) {
  const at::Tensor numbers = outputs.to(at::kFloat);
  if (task == "classification") return at::softmax(numbers, 1);
  return task == "multilabel" ? at::sigmoid(numbers) : numbers;
}

}  // namespace flowrun::torch_nodes
