// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include <algorithm>
#include <utility>

namespace flowrun::torch_nodes {
namespace {

struct Score {
  double value;
  bool positive;
};

/// The scores of one class against the rest, highest first.
std::vector<Score> scores_of(const std::vector<Scored>& samples, std::size_t positive) {
  std::vector<Score> scores;
  scores.reserve(samples.size());
  for (const Scored& sample : samples)
    scores.push_back({sample.probabilities[positive], sample.label == static_cast<std::int64_t>(positive)});
  std::sort(scores.begin(), scores.end(), [](const Score& a, const Score& b) { return a.value > b.value; });
  return scores;
}

struct Roc {
  double area;
  double threshold;  // Youden's
};

/// Nothing when all samples are of one kind.
std::optional<Roc> roc_of(const std::vector<Score>& scores) {
  const auto positives = static_cast<double>(
      std::count_if(scores.begin(), scores.end(), [](const Score& score) { return score.positive; }));
  const double negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  Roc roc{0, scores.front().value};
  double hits = 0, alarms = 0, best = -1;
  for (std::size_t i = 0; i < scores.size();) {
    const double value = scores[i].value, hits_before = hits, alarms_before = alarms;
    for (; i < scores.size() && scores[i].value == value; ++i) ++(scores[i].positive ? hits : alarms);
    roc.area += (alarms - alarms_before) * (hits + hits_before) / 2;
    const double youden = hits / positives - alarms / negatives;
    if (youden > best) best = youden, roc.threshold = value;
  }
  roc.area /= positives * negatives;
  return roc;
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

/// The mean, or nothing when one is missing.
class Mean {
 public:
  void add(const std::optional<double>& value) {
    complete_ = complete_ && value;
    sum_ += value.value_or(0), ++count_;
  }
  std::optional<double> value() const {
    if (!complete_ || count_ == 0) return {};
    return sum_ / count_;
  }

 private:
  bool complete_ = true;
  double sum_ = 0;
  int count_ = 0;
};

}  // namespace

Metrics metrics_of(const std::vector<Scored>& samples, std::size_t classes) {
  Metrics out;
  out.samples = samples.size();
  out.confusion.assign(classes, std::vector<std::uint64_t>(classes));
  std::uint64_t right = 0;
  for (const Scored& sample : samples) {
    const auto said =
        static_cast<std::size_t>(std::max_element(sample.probabilities.begin(), sample.probabilities.end()) -
                                 sample.probabilities.begin());
    ++out.confusion[static_cast<std::size_t>(sample.label)][said];
    right += said == static_cast<std::size_t>(sample.label);
  }
  if (samples.empty()) return out;
  out.accuracy = static_cast<double>(right) / static_cast<double>(samples.size());
  Mean auc, sensitivity, specificity, precision, f1;
  for (std::size_t positive = classes == 2 ? 1 : 0; positive < classes; ++positive) {
    const auto roc = roc_of(scores_of(samples, positive));
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

std::optional<std::vector<Scored>> by_slide(const std::vector<Scored>& samples) {
  struct Sum {
    std::int64_t label;
    std::vector<double> probabilities;
    double count = 0;
  };
  std::map<std::string, Sum> sums;
  for (const Scored& sample : samples) {
    if (sample.slide.empty()) return {};
    auto& sum = sums.try_emplace(sample.slide, Sum{sample.label, {}}).first->second;
    if (sum.label != sample.label) return {};
    sum.probabilities.resize(sample.probabilities.size());
    for (std::size_t i = 0; i < sample.probabilities.size(); ++i)
      sum.probabilities[i] += static_cast<double>(sample.probabilities[i]);
    ++sum.count;
  }
  std::vector<Scored> out;
  for (const auto& [slide, sum] : sums) {
    Scored& mean = out.emplace_back(Scored{slide, sum.label, {}});
    for (const double total : sum.probabilities)
      mean.probabilities.push_back(static_cast<float>(total / sum.count));
  }
  return out;
}

}  // namespace flowrun::torch_nodes
