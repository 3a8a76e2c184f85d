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
    const double youden = hits / positives - alarms / negatives;
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
