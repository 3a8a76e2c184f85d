// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "nodes/mil/bags.h"
#include "nodes/trainer/task.h"

namespace flowrun::torch_nodes {

/// The task of a fold. Throws Error when it does not fit the set.
std::unique_ptr<Task> make_slide_task(const TrainingOptions& options, std::int64_t intervals,
                                      const BagSet& set, std::size_t fold);

/// Classes in an order, the target the index: see numbers_of().
std::unique_ptr<Task> make_ordinal(std::vector<std::string> classes);

/// Times to an event, in intervals that end at `ends` and a last one without end; targets: time, and whether
/// the event happened then (1) or nothing is known later (0).
std::unique_ptr<Task> make_survival(std::vector<float> ends);
/// The same by one number, the logarithm of the hazard relative to others' (Cox 1972, as a network's loss
/// DeepSurv: Katzman et al. 2018): minus the mean over events of the partial likelihood's logarithm. Its loss
/// is one of all samples together.
std::unique_ptr<Task> make_cox();
/// Throws Error unless the targets are times and events, of which there is one at least.
void check_times(const BagSet& set);
/// Ends of `intervals` - 1 intervals, so that each has as many of the events of the set. Throws Error.
std::vector<float> ends_of_intervals(const BagSet& set, std::int64_t intervals);

/// Harrell's concordance index (1982) of risks: of pairs of which it is known who had the event first, the
/// share where that one has the higher risk; equal risks count half. Nothing where there are no pairs.
/// Targets: see make_survival; the risk is the first prediction.
std::optional<double> concordance(const std::vector<Scored>& samples);

/// Cohen's kappa with quadratic weights (1968) of classes and what was said. Nothing where all are one class.
std::optional<double> weighted_kappa(const std::vector<std::size_t>& right,
                                     const std::vector<std::size_t>& said, std::size_t classes);

}  // namespace flowrun::torch_nodes
