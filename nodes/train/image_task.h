// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/torch/batch.h>

#include <memory>

#include "nodes/trainer/task.h"

namespace flowrun::torch_nodes {

/// The task that the options name, for what the samples of `first` have. Throws Error.
std::unique_ptr<Task> make_task(const TrainingOptions& options, const Batch& first);

/// Which of a batch's numbers are the targets of the task, on the CPU. Throws Error when it has none that
/// fit.
at::Tensor targets_of(const Task& task, const Batch& batch);

}  // namespace flowrun::torch_nodes
