// SPDX-License-Identifier: Apache-2.0
#include "ranking.h"

#include <algorithm>

namespace flowrun::torch_nodes {
namespace {

void highest_first(std::vector<Score>& scores) {
  std::sort(scores.begin(), scores.end(), [](const Score& a, const Score& b) { return a.value > b.value; });
}

double positives_of(const std::vector<Score>& scores) {
  return static_cast<double>(std::ranges::count(scores, true, &Score::positive));
}

}  // namespace

std::vector<Score> class_scores(const std::vector<Scored>& samples, std::size_t positive) {
  std::vector<Score> scores;
  scores.reserve(samples.size());
  for (const Scored& sample : samples)
    scores.push_back(
        {sample.predicted[positive], static_cast<std::size_t>(sample.target.front()) == positive});
  return scores;
}

std::vector<Score> label_scores(const std::vector<Scored>& samples, std::size_t label) {
  std::vector<Score> scores;
  scores.reserve(samples.size());
  for (const Scored& sample : samples) scores.push_back({sample.predicted[label], sample.target[label] > 0});
  return scores;
}

std::vector<RocPoint> roc_points(std::vector<Score> scores) {
  const double positives = positives_of(scores), negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  highest_first(scores);
  std::vector<RocPoint> points{{{}, 0, 0}};  // counts until the end, so that straight is exact
  for (std::size_t i = 0; i < scores.size();) {
    const double value = scores[i].value;
    RocPoint next{value, points.back().false_positives, points.back().true_positives};
    for (; i < scores.size() && scores[i].value == value; ++i)
      ++(scores[i].positive ? next.true_positives : next.false_positives);
    if (points.size() > 1) {
      const RocPoint &middle = points.back(), &before = points[points.size() - 2];
      const double turn =
          (middle.true_positives - before.true_positives) * (next.false_positives - middle.false_positives) -
          (middle.false_positives - before.false_positives) * (next.true_positives - middle.true_positives);
      if (turn == 0) points.pop_back();
    }
    points.push_back(next);
  }
  for (RocPoint& point : points) point.false_positives /= negatives, point.true_positives /= positives;
  return points;
}

std::optional<double> f1_threshold(std::vector<Score> scores) {
  const double positives = positives_of(scores);
  if (positives == 0 || positives == static_cast<double>(scores.size())) return {};
  highest_first(scores);
  double hits = 0, best_hits = 0, best_count = 1;
  std::optional<double> threshold;
  for (std::size_t i = 0; i < scores.size();) {
    const double value = scores[i].value;
    for (; i < scores.size() && scores[i].value == value; ++i) hits += scores[i].positive;
    // F1 is 2 hits / (2 hits + alarms + missed), and samples from here up are hits and alarms. Exact, so that
    // of several the first is it.
    const double count = static_cast<double>(i) + positives;
    if (hits * best_count > best_hits * count) best_hits = hits, best_count = count, threshold = value;
  }
  return threshold;
}

std::optional<Roc> roc_of(std::vector<Score> scores) {
  const double positives = positives_of(scores), negatives = static_cast<double>(scores.size()) - positives;
  if (positives == 0 || negatives == 0) return {};
  highest_first(scores);
  Roc roc{0, scores.front().value};
  double hits = 0, alarms = 0, best = -1;
  for (std::size_t i = 0; i < scores.size();) {
    const double value = scores[i].value, hits_before = hits, alarms_before = alarms;
    for (; i < scores.size() && scores[i].value == value; ++i) ++(scores[i].positive ? hits : alarms);
    roc.area += (alarms - alarms_before) * (hits + hits_before) / 2;
    const double youden = hits * negatives - alarms * positives;  // exact, so that of several the first is it
    if (youden > best) best = youden, roc.threshold = value;
  }
  roc.area /= positives * negatives;
  return roc;
}

std::optional<double> average_precision(std::vector<Score> scores) {
  const double positives = positives_of(scores);
  if (positives == 0) return {};
  highest_first(scores);
  double sum = 0, hits = 0;
  for (std::size_t i = 0; i < scores.size();) {
    const double value = scores[i].value, before = hits;
    for (; i < scores.size() && scores[i].value == value; ++i) hits += scores[i].positive;
    sum += (hits - before) * hits / static_cast<double>(i);
  }
  return sum / positives;
}

}  // namespace flowrun::torch_nodes
