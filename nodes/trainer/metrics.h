// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "scored.h"

namespace flowrun::torch_nodes {

/// How good the predictions of a classifier are. With two classes sensitivity, specificity, precision, recall
/// and F1 are those of the second, at the model's decision (the class with the highest probability, or by its
/// threshold); with more they are means over the classes, each against the rest. Nothing, where a class that
/// they need has no samples.
struct Metrics {
  std::uint64_t samples = 0;
  double accuracy = 0;
  /// Area under the ROC curve, ties counting half; with more classes the mean of one against the rest.
  std::optional<double> auc;
  std::optional<double> sensitivity, specificity, precision, recall, f1;
  /// Two classes: the probability of the second from which on to call a sample positive so that sensitivity +
  /// specificity is highest (Youden 1950); the highest of several.
  std::optional<double> threshold;
  /// Samples by label, then by prediction.
  std::vector<std::vector<std::uint64_t>> confusion;
};

/// Of samples whose target is the index of their class.
Metrics metrics_of(const std::vector<Scored>& samples, std::size_t classes);

}  // namespace flowrun::torch_nodes
