// SPDX-License-Identifier: Apache-2.0
// Trainer::judge: what is chosen on validation when an epoch has ended: temperatures and thresholds.
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "calibration.h"
#include "mean.h"
#include "nodes/torch/predictions.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

using Numbers = std::vector<std::optional<double>>;

bool none_of(const Numbers& found) {
  return std::ranges::none_of(found, [](const auto& one) { return one.has_value(); });
}

/// As a model has them, with `otherwise` for what was not found; none when nothing was.
std::vector<double> chosen(const Numbers& found, double otherwise) {
  std::vector<double> out;
  if (!none_of(found))
    for (const auto& one : found) out.push_back(one.value_or(otherwise));
  return out;
}

/// Of each label a column, and the mean of all where `with_mean`; of classes one column.
void add_column(const Task& task, const std::string& name, const Numbers& numbers, bool with_mean,
                History::Row& row) {
  if (task.name() != "multilabel") {
    row[name] = or_null(numbers.front());
    return;
  }
  Mean mean;
  for (const auto& number : numbers) mean.add(number);
  if (with_mean) row[name] = or_null(mean.value());
  for (std::size_t i = 0; i < numbers.size(); ++i) row[name + "_" + task.outputs()[i]] = or_null(numbers[i]);
}

/// What of these numbers is missing, to be told: of classes nothing but that.
std::string of_those_without(const Task& task, const Numbers& numbers) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < numbers.size(); ++i)
    if (!numbers[i]) names.push_back(task.outputs()[i]);
  return task.name() == "multilabel" ? fmt::format(" of '{}'", fmt::join(names, "', '")) : "";
}

Numbers calibration_errors(const Task& task, const std::vector<Scored>& samples) {
  if (task.name() != "multilabel")
    return {expected_calibration_error(calibration_bins(class_confidences(samples)))};
  Numbers out;
  for (std::size_t label = 0; label < task.outputs().size(); ++label)
    out.push_back(expected_calibration_error(calibration_bins(label_scores(samples, label))));
  return out;
}

}  // namespace

void Trainer::follow_temperatures(Said& said) const {
  if (facts_.temperatures.empty() || said.samples.empty()) return;
  const auto outputs = static_cast<std::int64_t>(task_->outputs().size());
  const at::Tensor logits =
      at::from_blob(said.logits.data(), {std::ssize(said.samples), outputs}, at::kFloat);
  const at::Tensor predictions = task_->predictions(calibrated(logits, facts_.temperatures)).contiguous();
  const float* next = predictions.data_ptr<float>();
  for (Scored& sample : said.samples) {
    std::copy(next, next + outputs, sample.predicted.begin());
    next += outputs;
  }
}

void Trainer::calibrate(History::Row& row) {
  const bool labels = task_->name() == "multilabel";
  Numbers temperatures, before, after;
  for (std::size_t i = 0; i < (labels ? task_->outputs().size() : 1); ++i) {
    const LabelledLogits of =
        labels ? label_logits(scored(), scored_.logits, i) : class_logits(scored(), scored_.logits);
    const bool any = !of.labels.empty();
    temperatures.push_back(of.temperature());
    before.push_back(any ? std::optional(of.negative_log_likelihood(1)) : std::nullopt);
    after.push_back(any ? std::optional(of.negative_log_likelihood(temperatures.back().value_or(1)))
                        : std::nullopt);
  }
  const Numbers error_before = calibration_errors(*task_, scored());
  facts_.temperatures = chosen(temperatures, 1);
  follow_temperatures(scored_);
  follow_temperatures(tested_);
  add_column(*task_, "temperature", temperatures, false, row);
  add_column(*task_, "nll", after, true, row);
  add_column(*task_, "ece", calibration_errors(*task_, scored()), true, row);
  add_column(*task_, "uncalibrated_nll", before, true, row);
  add_column(*task_, "uncalibrated_ece", error_before, true, row);
  if (chosen(temperatures, 0) != chosen(temperatures, 1) || none_of(temperatures))
    note_once(no_temperature_,
              fmt::format("epoch {}: probabilities{} are not calibrated: {}", next_epoch() + 1,
                          of_those_without(*task_, temperatures),
                          scored().empty()
                              ? "there is nothing to validate with"
                              : fmt::format("no temperature from {} to {} is best for validation; either it "
                                            "has no mistake, or the logits are no better than chance",
                                            LabelledLogits::least, LabelledLogits::most)));
}

void Trainer::choose_thresholds(History::Row& row) {
  const bool labels = task_->name() == "multilabel";
  Numbers found;
  for (std::size_t i = labels ? 0 : 1; i < task_->outputs().size(); ++i) {
    std::vector<Score> scores = labels ? label_scores(scored(), i) : class_scores(scored(), i);
    if (options_.threshold == "f1") {
      found.push_back(f1_threshold(std::move(scores)));
    } else {
      const auto roc = roc_of(std::move(scores));
      found.push_back(roc ? std::optional(roc->threshold) : std::nullopt);
    }
  }
  facts_.thresholds = chosen(found, 0.5);
  if (!facts_.thresholds.empty()) {
    const auto shared = std::make_shared<const std::vector<double>>(facts_.thresholds);
    for (Said* said : {&scored_, &tested_})
      for (Scored& sample : said->samples) sample.thresholds = shared;
  }
  add_column(*task_, "threshold", found, false, row);
  if (chosen(found, 0) != chosen(found, 1) || none_of(found))
    note_once(no_threshold_,
              fmt::format("epoch {}: there is no threshold{}, 0.5 decides: validation has samples "
                          "of one kind only, or none",
                          next_epoch() + 1, of_those_without(*task_, found)));
}

History::Row Trainer::judge() {
  History::Row row = History::Row::object();
  facts_.temperatures.clear();
  facts_.thresholds.clear();
  if (options_.calibrate) calibrate(row);
  if (options_.threshold != "none") choose_thresholds(row);
  return row;
}

}  // namespace flowrun::torch_nodes
