// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include "mean.h"
#include "nodes/torch/predictions.h"
#include "ranking.h"

namespace flowrun::torch_nodes {
namespace {

std::size_t label_of(const Scored& sample) {
  return static_cast<std::size_t>(sample.target.front());
}

std::optional<double> ratio(double part, double whole) {
  if (whole == 0) return {};
  return part / whole;
}

struct Rates {
  std::optional<double> sensitivity, specificity, precision, f1;
};

Rates rates_of(const std::vector<std::vector<std::uint64_t>>& confusion, std::size_t positive) {
  double both = 0, missed = 0, alarms = 0, neither = 0;
  for (std::size_t label = 0; label < confusion.size(); ++label)
    for (std::size_t said = 0; said < confusion.size(); ++said)
      (label == positive  ? said == positive ? both : missed
       : said == positive ? alarms
                          : neither) += static_cast<double>(confusion[label][said]);
  return {ratio(both, both + missed), ratio(neither, neither + alarms), ratio(both, both + alarms),
          ratio(2 * both, 2 * both + alarms + missed)};
}

}  // namespace

Metrics metrics_of(const std::vector<Scored>& samples, std::size_t classes) {
  Metrics out;
  out.samples = samples.size();
  out.confusion.assign(classes, std::vector<std::uint64_t>(classes));
  std::uint64_t right = 0;
  for (const Scored& sample : samples) {
    const std::size_t said = class_of(sample.predicted, values_of(sample.thresholds));
    ++out.confusion[label_of(sample)][said];
    right += said == label_of(sample);
  }
  if (samples.empty()) return out;
  out.accuracy = static_cast<double>(right) / static_cast<double>(samples.size());
  Mean auc, sensitivity, specificity, precision, f1;
  for (std::size_t positive = classes == 2 ? 1 : 0; positive < classes; ++positive) {
    const auto roc = roc_of(class_scores(samples, positive));
    auc.add(roc ? std::optional(roc->area) : std::nullopt);
    if (classes == 2 && roc) out.threshold = roc->threshold;
    const Rates rates = rates_of(out.confusion, positive);
    sensitivity.add(rates.sensitivity);
    specificity.add(rates.specificity);
    precision.add(rates.precision);
    f1.add(rates.f1);
  }
  out.auc = auc.value();
  out.sensitivity = out.recall = sensitivity.value();
  out.specificity = specificity.value();
  out.precision = precision.value();
  out.f1 = f1.value();
  return out;
}

}  // namespace flowrun::torch_nodes
