// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace flowrun::torch_nodes {
namespace {

/// From `from` to `to` along half a cosine, `share` from 0 to 1.
double anneal(double from, double to, double share) {
  return to + (from - to) / 2 * (1 + std::cos(std::numbers::pi * share));
}

/// From `first` to `top` in the first 30 % of the steps, then to `last`.
double one_cycle(double first, double top, double last, double steps, double step) {
  constexpr double rising = 0.3;
  const double turn = rising * steps - 1, end = steps - 1;
  if (step <= turn) return anneal(first, top, turn > 0 ? step / turn : 1);
  return anneal(top, last, end > turn ? std::min(1.0, (step - turn) / (end - turn)) : 1);
}

}  // namespace

double learning_rate(const TrainingOptions& options, const Course& course, std::uint64_t step) {
  const double peak = options.learning_rate;
  const auto at = static_cast<double>(step), all = static_cast<double>(course.steps());
  if (options.schedule == "one_cycle") return one_cycle(peak / 25, peak, peak / 25 / 1e4, all, at);
  const double warmup = options.warmup_epochs * static_cast<double>(course.steps_per_epoch);
  if (at < warmup) return peak * std::min(1.0, (at + 1) / warmup);
  if (options.schedule == "cosine")
    return anneal(peak, 0, all > warmup ? std::min(1.0, (at - warmup) / (all - warmup)) : 0);
  if (options.schedule == "step") {
    const auto epoch = step / std::max<std::uint64_t>(1, course.steps_per_epoch);
    return peak * std::pow(options.step_factor, std::floor(static_cast<double>(epoch) / options.step_epochs));
  }
  return peak;
}

std::optional<double> cycled_momentum(const TrainingOptions& options, const Course& course,
                                      std::uint64_t step) {
  if (options.schedule != "one_cycle") return {};
  constexpr double least = 0.85, most = 0.95;
  return one_cycle(most, least, most, static_cast<double>(course.steps()), static_cast<double>(step));
}

}  // namespace flowrun::torch_nodes
