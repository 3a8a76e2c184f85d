// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "slide_tasks.h"

namespace flowrun::torch_nodes {
namespace {

/// How many risks have been added, by rank (Fenwick 1994).
class Counts {
 public:
  explicit Counts(std::size_t ranks) : sums_(ranks + 1) {}

  void add(std::size_t rank) {
    for (std::size_t i = rank + 1; i < sums_.size(); i += i & (~i + 1)) ++sums_[i];
    ++all_;
  }
  /// Of ranks below this one.
  std::uint64_t below(std::size_t rank) const {
    std::uint64_t sum = 0;
    for (std::size_t i = rank; i > 0; i -= i & (~i + 1)) sum += sums_[i];
    return sum;
  }
  std::uint64_t all() const { return all_; }

 private:
  std::vector<std::uint64_t> sums_;
  std::uint64_t all_ = 0;
};

struct Subject {
  float time = 0;
  bool event = false;
  std::size_t rank = 0;  // of the risk
};

/// By time, the latest first; at one time the censored first, of whom it is only known that they come later.
std::vector<Subject> by_time(const std::vector<Scored>& samples, std::vector<float>& risks) {
  for (const Scored& sample : samples) risks.push_back(sample.predicted[0]);
  std::ranges::sort(risks);
  risks.erase(std::ranges::unique(risks).begin(), risks.end());
  std::vector<Subject> subjects;
  for (const Scored& sample : samples)
    subjects.push_back(
        {sample.target[0], sample.target[1] != 0,
         static_cast<std::size_t>(std::ranges::lower_bound(risks, sample.predicted[0]) - risks.begin())});
  std::ranges::sort(subjects, [](const Subject& a, const Subject& b) {
    return a.time != b.time ? a.time > b.time : a.event < b.event;
  });
  return subjects;
}

}  // namespace

std::optional<double> concordance(const std::vector<Scored>& samples) {
  std::vector<float> risks;
  const std::vector<Subject> subjects = by_time(samples, risks);
  Counts later(risks.size());
  double right = 0, pairs = 0;
  for (std::size_t first = 0; first < subjects.size();) {
    if (!subjects[first].event) {
      later.add(subjects[first++].rank);
      continue;
    }
    std::size_t end = first;  // of the events of this time
    for (; end < subjects.size() && subjects[end].event && subjects[end].time == subjects[first].time;
         ++end) {
      const std::size_t rank = subjects[end].rank;
      const auto lower = static_cast<double>(later.below(rank)),
                 same = static_cast<double>(later.below(rank + 1)) - lower;
      right += lower + 0.5 * same;
      pairs += static_cast<double>(later.all());
    }
    for (; first < end; ++first) later.add(subjects[first].rank);
  }
  return pairs > 0 ? std::optional(right / pairs) : std::nullopt;
}

}  // namespace flowrun::torch_nodes
