// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bag_trainer.h"
#include "nodes/trainer/fold_metrics.h"

namespace flowrun::torch_nodes {

/// What the model of a fold says, in its best epoch, of slides that it was not trained with.
using FoldPredictions = std::vector<BagPrediction>;

/// A row for each slide and fold that did not train with it.
std::string predictions_csv(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds);

/// The same by fold, as metrics_json() takes it, with what is right.
std::vector<std::vector<Evaluated>> evaluated(const BagSet& set, const std::vector<FoldPredictions>& folds);

}  // namespace flowrun::torch_nodes
