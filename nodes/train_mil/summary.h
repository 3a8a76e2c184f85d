// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "bag_trainer.h"

namespace flowrun::torch_nodes {

/// What the model of a fold says, in its best epoch, of slides that it was not trained with.
using FoldPredictions = std::vector<BagPrediction>;

/// A row for each slide and fold that did not train with it.
std::string predictions_csv(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds);

/// Metrics of validation and test by fold, and of all folds' test slides together, each slide once, by the
/// mean of the folds that tested it: those that some folds trained with (pooled_test), and those that all
/// tested (held_out). Each has an interval of 95 % by 1,000 draws of patients with replacement (Efron and
/// Tibshirani 1993), seeded.
std::string metrics_json(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds);

}  // namespace flowrun::torch_nodes
