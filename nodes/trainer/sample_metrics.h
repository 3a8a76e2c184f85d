// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "task.h"

namespace flowrun::torch_nodes {

/// What is told of samples at the end of a training, by name; nothing where it cannot be told of these: the
/// task's own metrics, and of classification balanced_accuracy (the mean recall of the classes that there
/// are) and kappa (Cohen 1960).
std::vector<std::pair<std::string, std::optional<double>>> sample_metrics(const Task& task,
                                                                          const std::vector<Scored>& samples);

}  // namespace flowrun::torch_nodes
