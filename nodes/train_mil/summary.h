// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <string>
#include <vector>

#include "bag_trainer.h"

namespace flowrun::torch_nodes {

/// What the model of a fold says, in its best epoch, of slides that it was not trained with.
using FoldPredictions = std::vector<BagPrediction>;

/// A row for each slide and fold that did not train with it.
std::string predictions_csv(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds);

/// The metrics of slides: see fold_metrics.h.
std::string metrics_json(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds,
                         int threads, const Scope& scope);

}  // namespace flowrun::torch_nodes
