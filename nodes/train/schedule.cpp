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

double one_cycle(double peak, double steps, double step) {
  constexpr double rising = 0.3, first_divisor = 25, last_divisor = 1e4;
  const double lowest = peak / first_divisor;
  const double top = rising * steps - 1, end = steps - 1;
  if (step <= top) return anneal(lowest, peak, top > 0 ? step / top : 1);
  return anneal(peak, lowest / last_divisor, end > top ? std::min(1.0, (step - top) / (end - top)) : 1);
}

}  // namespace

double learning_rate(const TrainingOptions& options, const Course& course, std::uint64_t step) {
  const double peak = options.learning_rate;
  const auto at = static_cast<double>(step), all = static_cast<double>(course.steps());
  if (options.schedule == "one_cycle") return one_cycle(peak, all, at);
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

}  // namespace flowrun::torch_nodes
