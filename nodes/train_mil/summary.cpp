// SPDX-License-Identifier: Apache-2.0
#include "summary.h"

#include <algorithm>
#include <optional>

#include "nodes/mil/slide_outputs.h"
#include "nodes/table/table_text.h"

namespace flowrun::torch_nodes {
namespace {

/// A prediction, with what is right.
Scored scored(const BagSet& set, const BagPrediction& prediction) {
  Scored out{set.bags[prediction.bag].slide, {}, prediction.predicted, prediction.thresholds};
  const auto targets = set.targets_of(prediction.bag);
  out.target.assign(targets.begin(), targets.end());
  if (set.targets.empty()) out.target = {static_cast<float>(set.bags[prediction.bag].label)};
  return out;
}

}  // namespace

std::string predictions_csv(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds) {
  std::vector<std::string> columns{"slide", "patient", "fold", "split"};
  if (set.targets.empty()) columns.insert(columns.end(), {"label", "prediction"});
  for (const std::string& name : set.targets) columns.push_back(name);
  for (const std::string& name : task.outputs())
    columns.push_back((of_classes(task.name())       ? "probability_"
                       : task.name() == "regression" ? "predicted_"
                                                     : "") +
                      name);
  // A fold whose validation gave it none has no number there.
  const bool decided = std::ranges::any_of(folds, [](const FoldPredictions& fold) {
    return !fold.empty() && !values_of(fold.front().thresholds).empty();
  });
  if (decided) columns.push_back("threshold_" + task.outputs().at(1));
  const wsi::TableText table(wsi::TableText::Format::csv, columns);
  std::string text = table.header();
  for (std::size_t fold = 0; fold < folds.size(); ++fold)
    for (const BagPrediction& one : folds[fold]) {
      const Bag& bag = set.bags[one.bag];
      std::vector<wsi::TableCell> cells{bag.slide, bag.patient, fold, name_of(bag.roles[fold])};
      if (set.targets.empty()) {
        cells.emplace_back(set.classes[bag.label]);
        cells.emplace_back(set.classes[class_of(task.name(), one.predicted, values_of(one.thresholds))]);
      }
      for (const float value : set.targets_of(one.bag)) cells.emplace_back(static_cast<double>(value));
      for (const float value : one.predicted) cells.emplace_back(static_cast<double>(value));
      if (decided) {
        const std::vector<double>& of = values_of(one.thresholds);
        cells.emplace_back(of.empty() ? std::nullopt : std::optional(of.front()));
      }
      text += table.row(cells);
    }
  return text;
}

std::vector<std::vector<Evaluated>> evaluated(const BagSet& set, const std::vector<FoldPredictions>& folds) {
  std::vector<std::vector<Evaluated>> all;
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    auto& of_fold = all.emplace_back();
    for (const BagPrediction& one : folds[fold]) {
      const Bag& bag = set.bags[one.bag];
      of_fold.push_back({one.bag, set.with_patients ? bag.patient : "", bag.roles[fold] == Role::test,
                         bag.is_tested_only(), scored(set, one)});
    }
  }
  return all;
}

}  // namespace flowrun::torch_nodes
