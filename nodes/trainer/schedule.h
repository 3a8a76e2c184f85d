// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "training_options.h"

namespace flowrun::torch_nodes {

/// How long a training is, in steps of the optimizer.
struct Course {
  std::uint64_t epochs = 1;
  std::uint64_t steps_per_epoch = 1;
  std::uint64_t steps() const { return epochs * steps_per_epoch; }
};

/// The learning rate of a step, from 0:
///   constant
///   cosine     to 0 at the end (Loshchilov and Hutter 2017, without restarts)
///   step       times step_factor every step_epochs
///   one_cycle  as torch's OneCycleLR by default (Smith and Topin 2018): from a 25th up to the learning
///              rate in the first 30 % of steps, then down to a 250000th, along cosines
/// The first warmup_epochs rise in a straight line to what the schedule begins with (not for one_cycle, which
/// has its own).
double learning_rate(const TrainingOptions& options, const Course& course, std::uint64_t step);

/// What the optimizer is to take for momentum (adamw: for its first beta) in a step: with one_cycle, as
/// torch's OneCycleLR, from 0.95 down to 0.85 while the learning rate rises, and back. Nothing: what it has.
std::optional<double> cycled_momentum(const TrainingOptions& options, const Course& course,
                                      std::uint64_t step);

}  // namespace flowrun::torch_nodes
