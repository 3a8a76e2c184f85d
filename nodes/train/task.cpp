// SPDX-License-Identifier: Apache-2.0
#include "task.h"

namespace flowrun::torch_nodes {

std::unique_ptr<Task> make_task(const TrainingOptions& options, const Batch& first) {
  if (options.task == "multilabel") return make_multilabel(first);
  if (options.task == "regression") return make_regression(options, first);
  return make_classification(options, first);
}

}  // namespace flowrun::torch_nodes
