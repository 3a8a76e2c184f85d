// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstdint>
#include <string>
#include <vector>

#include "task.h"

namespace flowrun::torch_nodes {

/// What the model of a fold says of a sample that it was not trained with.
struct Evaluated {
  std::uint64_t sample = 0;  ///< its number, the same in all folds
  std::string patient;       ///< empty: not known
  bool test = false;         ///< else for validation
  bool held_out = false;     ///< all folds test it
  Scored scored;
};

/// The samples of validation.
std::vector<Scored> validated(const std::vector<Evaluated>& fold);

/// The test samples of all folds as metrics_json() has them under pooled_test; or held_out, where there are
/// no others.
std::vector<Scored> tested(const std::vector<std::vector<Evaluated>>& folds);

/// Metrics of validation ("val") and "test" by fold, and of all folds' test samples together, each sample
/// once, by the mean of the folds that tested it, and of their thresholds: those that some folds trained with
/// (pooled_test), and those that all tested (held_out). Each has an interval of 95 % by 1,000 draws of
/// patients with replacement (Efron and Tibshirani 1993), seeded; of slides, or samples, where more is not
/// known, as "drawn" says with "draws_of", their number. It is null where fewer than two are drawn, or less
/// than 95 % of the draws have a value. Of a joint task's pooled_test, which several folds tested, c_index is
/// null: what one model says is no more or less than what another does. `samples_are`: "slides", or "tiles",
/// of which those of the same slide are also judged by their mean, as slide_*. JSON. Draws are computed on so
/// many threads; once `scope` has failed what it gives means nothing.
std::string metrics_json(const Task& task, std::uint64_t seed, const std::string& samples_are,
                         const std::vector<std::vector<Evaluated>>& folds, int threads, const Scope& scope);

/// What a user should know of the intervals when samples' patients are not known; else nothing.
std::string said_of_draws(const std::string& samples_are, const std::vector<std::vector<Evaluated>>& folds);

}  // namespace flowrun::torch_nodes
