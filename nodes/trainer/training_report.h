// SPDX-License-Identifier: Apache-2.0
// What trainings add to the run's report.
#pragma once

#include <flowrun/outputs.h>

#include <string>
#include <utility>
#include <vector>

#include "history.h"
#include "task.h"

namespace flowrun::torch_nodes {

/// Histories by name ("fold 0"; of one alone: empty); of more than ten the first.
using NamedHistories = std::vector<std::pair<std::string, const History*>>;

/// Loss and metrics over epochs as curves, a hundred points each at most. `of` begins their titles: "fold 0:
/// ".
void report_curves(const std::string& of, const NamedHistories& histories, Outputs& out);

/// ROC curves, calibration and the confusion matrix of what a model said of samples. Nothing of a task
/// without probabilities, or without samples; of more than ten classes or labels only the confusion matrix,
/// of more than twenty that neither.
void report_judged(const std::string& of, const Task& task, const std::vector<Scored>& samples, Outputs& out);

}  // namespace flowrun::torch_nodes
