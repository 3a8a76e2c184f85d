// SPDX-License-Identifier: Apache-2.0
#include "scored.h"

#include <map>

namespace flowrun::torch_nodes {

std::optional<std::vector<Scored>> by_slide(const std::vector<Scored>& samples) {
  struct Sum {
    std::vector<float> target;
    std::vector<double> predicted;
    double count = 0;
    Thresholds thresholds;
  };
  std::map<std::string, Sum> sums;
  for (const Scored& sample : samples) {
    if (sample.slide.empty()) return {};
    auto& sum = sums.try_emplace(sample.slide, Sum{sample.target, {}, 0, sample.thresholds}).first->second;
    if (sum.target != sample.target) return {};
    sum.predicted.resize(sample.predicted.size());
    for (std::size_t i = 0; i < sample.predicted.size(); ++i)
      sum.predicted[i] += static_cast<double>(sample.predicted[i]);
    ++sum.count;
  }
  std::vector<Scored> out;
  for (const auto& [slide, sum] : sums) {
    Scored& mean = out.emplace_back(Scored{slide, sum.target, {}, sum.thresholds});
    for (const double total : sum.predicted) mean.predicted.push_back(static_cast<float>(total / sum.count));
  }
  return out;
}

}  // namespace flowrun::torch_nodes
