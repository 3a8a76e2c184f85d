// SPDX-License-Identifier: Apache-2.0
#include "summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "nodes/base/random.h"
#include "nodes/mil/slide_outputs.h"
#include "nodes/table/table_text.h"
#include "slide_metrics.h"

namespace flowrun::torch_nodes {
namespace {

using nlohmann::ordered_json;
constexpr int draws = 1000;
constexpr double outside = 0.025;  // of the interval, on each side

/// Slides by patient.
using Patients = std::map<std::string, std::vector<Scored>>;

std::vector<Scored> all_of(const Patients& patients) {
  std::vector<Scored> all;
  for (const auto& [name, samples] : patients) all.insert(all.end(), samples.begin(), samples.end());
  return all;
}

/// Metrics, each with its interval.
ordered_json with_intervals(const Task& task, std::uint64_t seed, const Patients& patients) {
  std::vector<const std::vector<Scored>*> by_patient;
  for (const auto& [name, samples] : patients) by_patient.push_back(&samples);
  std::map<std::string, std::vector<double>> drawn;
  wsi::Random random(seed, by_patient.size());
  for (int i = 0; i < draws; ++i) {
    std::vector<Scored> samples;
    for (std::size_t n = 0; n < by_patient.size(); ++n) {
      const auto& one = *by_patient[random.below(by_patient.size())];
      samples.insert(samples.end(), one.begin(), one.end());
    }
    for (const auto& [name, value] : slide_metrics(task, samples))
      if (value) drawn[name].push_back(*value);
  }
  ordered_json out{{"slides", all_of(patients).size()}, {"patients", patients.size()}};
  for (const auto& [name, value] : slide_metrics(task, all_of(patients))) {
    ordered_json& entry = out[name] = {{"value", or_null(value)}, {"interval", nullptr}};
    std::vector<double>& values = drawn[name];
    if (!value || values.empty()) continue;
    std::ranges::sort(values);
    const auto at = [&](double share) {
      return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5)];
    };
    entry["interval"] = {at(outside), at(1 - outside)};
  }
  return out;
}

/// A prediction, with what is right.
Scored scored(const BagSet& set, const BagPrediction& prediction) {
  Scored out{set.bags[prediction.bag].slide, {}, prediction.predicted};
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
  const wsi::TableText table(wsi::TableText::Format::csv, columns);
  std::string text = table.header();
  for (std::size_t fold = 0; fold < folds.size(); ++fold)
    for (const BagPrediction& one : folds[fold]) {
      const Bag& bag = set.bags[one.bag];
      std::vector<wsi::TableCell> cells{bag.slide, bag.patient, fold, name_of(bag.roles[fold])};
      if (set.targets.empty()) {
        cells.emplace_back(set.classes[bag.label]);
        cells.emplace_back(set.classes[class_of(task.name(), one.predicted)]);
      }
      for (const float value : set.targets_of(one.bag)) cells.emplace_back(static_cast<double>(value));
      for (const float value : one.predicted) cells.emplace_back(static_cast<double>(value));
      text += table.row(cells);
    }
  return text;
}

std::string metrics_json(const Task& task, const BagSet& set, const std::vector<FoldPredictions>& folds) {
  ordered_json out{{"task", task.name()}, {"folds", ordered_json::array()}};
  std::map<std::size_t, BagPrediction> tested;  // by bag: the sum of the folds' that tested it
  std::map<std::size_t, std::size_t> times;
  for (std::size_t fold = 0; fold < folds.size(); ++fold) {
    ordered_json entry{{"fold", fold}};
    for (const Role role : {Role::validation, Role::test}) {
      Patients patients;
      for (const BagPrediction& one : folds[fold])
        if (const Bag& bag = set.bags[one.bag]; bag.roles[fold] == role) {
          patients[bag.patient].push_back(scored(set, one));
          if (role != Role::test) continue;
          if (const auto [known, is_new] = tested.try_emplace(one.bag, one); !is_new)
            std::ranges::transform(known->second.predicted, one.predicted, known->second.predicted.begin(),
                                   std::plus<>());
          ++times[one.bag];
        }
      if (!patients.empty()) entry[std::string(name_of(role))] = with_intervals(task, set.seed, patients);
    }
    out["folds"].push_back(std::move(entry));
  }
  std::map<std::string, Patients> together;
  for (auto& [number, sum] : tested) {
    for (float& value : sum.predicted) value /= static_cast<float>(times[number]);
    const Bag& bag = set.bags[number];
    const bool is_held_out = std::ranges::count(bag.roles, Role::test) == std::ssize(bag.roles);
    together[is_held_out ? "held_out" : "pooled_test"][bag.patient].push_back(scored(set, sum));
  }
  for (const char* name : {"pooled_test", "held_out"})
    if (together.contains(name)) out[name] = with_intervals(task, set.seed, together[name]);
  return out.dump(2) + "\n";
}

}  // namespace flowrun::torch_nodes
