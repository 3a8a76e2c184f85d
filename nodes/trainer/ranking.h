// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

namespace flowrun::torch_nodes {

/// How much a sample is said to be what it may be, and whether it is.
struct Score {
  double value;
  bool positive;
};

struct Roc {
  double area;       ///< ties count half
  double threshold;  ///< from which on sensitivity + specificity is highest (Youden 1950); the highest of
                     ///< several
};

/// Nothing when all samples are of one kind.
std::optional<Roc> roc_of(std::vector<Score> scores);

/// The sum over thresholds of the precision there times what recall gains, as scikit-learn's
/// average_precision_score. Nothing when no sample is positive.
std::optional<double> average_precision(std::vector<Score> scores);

}  // namespace flowrun::torch_nodes
