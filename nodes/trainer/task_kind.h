// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "training_options.h"

namespace flowrun::torch_nodes {

/// What the options of a training may be for a task.
struct TaskKind {
  std::string name;
  std::vector<std::string> losses;   ///< the first, if none is given
  std::vector<std::string> metrics;  ///< what the best epoch may be the best in
  std::string metric;                ///< if none is given
  bool slides_only = false;          ///< not of images
};

/// All there are.
const std::vector<TaskKind>& task_kinds();
/// Throws OptionError when options contradict the task, which is one of these.
void check_task(const TrainingOptions& options);

/// As given, or the task's own.
std::string loss_name(const TrainingOptions& options);
std::string metric_name(const TrainingOptions& options);

}  // namespace flowrun::torch_nodes
