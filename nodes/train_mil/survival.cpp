// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "nodes/mil/slide_outputs.h"
#include "slide_tasks.h"

namespace flowrun::torch_nodes {
namespace {

std::vector<std::string> names_of(const std::vector<float>& ends) {
  std::vector<std::string> names{"risk"};
  for (const float end : ends) names.push_back(fmt::format("survival_{}", end));
  names.emplace_back("survival_beyond");
  return names;
}

class Survival final : public Task {
 public:
  explicit Survival(std::vector<float> ends) : Task(names_of(ends)), ends_(at::tensor(ends)) {}
  std::string name() const override { return "survival"; }
  std::string outputs_are() const override { return "intervals"; }

  /// Minus the logarithm of the likelihood: of surviving all intervals before that of the time, and there of
  /// the event, or of surviving it as well (nll_loss of MCAT and CLAM's other descendants, with alpha 0).
  at::Tensor loss(const at::Tensor& numbers, const at::Tensor& targets) const override {
    const at::Tensor logits = numbers.to(at::kFloat);
    const at::Tensor time = targets.select(1, 0), event = targets.select(1, 1);
    // As pandas' qcut has it, an end belongs to the interval that it ends.
    const at::Tensor interval = at::searchsorted(ends_.to(time.device()), time.contiguous()).unsqueeze(1);
    const at::Tensor survives = at::log_sigmoid(-logits);
    const at::Tensor intervals = at::arange(logits.size(1), interval.options()).unsqueeze(0);
    const at::Tensor before = (survives * intervals.lt(interval).to(at::kFloat)).sum(1);
    const at::Tensor there = at::where(event.gt(0), at::log_sigmoid(logits).gather(1, interval).squeeze(1),
                                       survives.gather(1, interval).squeeze(1));
    return -(before + there).mean();
  }
  at::Tensor validation_loss(const at::Tensor& numbers, const at::Tensor& targets) const override {
    return loss(numbers, targets);
  }
  at::Tensor predictions(const at::Tensor& numbers) const override {
    return slide_predictions(name(), numbers);
  }

  std::string training_metric() const override { return "train_risk"; }
  at::Tensor training_sum(const at::Tensor& numbers, const at::Tensor&) const override {
    return predictions(numbers).select(1, 0).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    row[prefix + "c_index"] = or_null(concordance(samples));
  }
  std::string why_missing(const std::string&, const std::vector<Scored>&,
                          const std::string& kind) const override {
    return fmt::format("of no two {}s of validation is it known which had the event first", kind);
  }

 private:
  at::Tensor ends_;
};

}  // namespace

void check_times(const BagSet& set) {
  bool event = false;
  for (std::size_t i = 0; i < set.bags.size(); ++i) {
    const auto targets = set.targets_of(i);
    const std::string& slide = set.bags[i].slide;
    if (targets.size() != 2)
      throw Error(
          fmt::format("task: survival needs two `targets` of the node of type bags, [time, event], not {}",
                      targets.size()));
    if (!(targets[0] >= 0))
      throw Error(fmt::format("slide '{}': the time '{}' is {}", slide, set.targets[0], targets[0]));
    if (targets[1] != 0 && targets[1] != 1)
      throw Error(
          fmt::format("slide '{}': '{}' is {}, expected 1 (the event happened) or 0 (nothing is known later)",
                      slide, set.targets[1], targets[1]));
    event |= targets[1] == 1;
  }
  if (!event) throw Error(fmt::format("no slide had the event: '{}' is 0 for all", set.targets[1]));
}

std::vector<float> ends_of_intervals(const BagSet& set, std::int64_t intervals) {
  check_times(set);
  std::vector<float> times;
  for (std::size_t i = 0; i < set.bags.size(); ++i)
    if (const auto targets = set.targets_of(i); targets[1] == 1) times.push_back(targets[0]);
  std::ranges::sort(times);
  std::vector<float> ends;
  for (std::int64_t i = 1; i < intervals && !times.empty(); ++i) {  // quantiles, linear between times
    const double at =
        static_cast<double>(times.size() - 1) * static_cast<double>(i) / static_cast<double>(intervals);
    const auto below = static_cast<std::size_t>(at);
    const double low = static_cast<double>(times[below]),
                 high = static_cast<double>(times[std::min(below + 1, times.size() - 1)]);
    ends.push_back(static_cast<float>(low + (high - low) * (at - static_cast<double>(below))));
  }
  if (ends.empty() || std::ranges::adjacent_find(ends) != ends.end())
    throw Error(
        fmt::format("{} events are too few, or at too few times, for {} intervals", times.size(), intervals));
  return ends;
}

std::unique_ptr<Task> make_survival(std::vector<float> ends) {
  return std::make_unique<Survival>(std::move(ends));
}

}  // namespace flowrun::torch_nodes
