// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "scored.h"

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

/// Of samples of classes, one class against the rest; of samples of labels, one label.
std::vector<Score> class_scores(const std::vector<Scored>& samples, std::size_t positive);
std::vector<Score> label_scores(const std::vector<Scored>& samples, std::size_t label);

/// Nothing when all samples are of one kind.
std::optional<Roc> roc_of(std::vector<Score> scores);

/// A point of a ROC curve: what is called positive from a threshold on.
struct RocPoint {
  std::optional<double> threshold;         ///< nothing: above all
  double false_positives, true_positives;  ///< shares: 1 - specificity, sensitivity
};
/// From (0, 0) to (1, 1), without points on a straight line between others. None when all samples are of one
/// kind.
std::vector<RocPoint> roc_points(std::vector<Score> scores);

/// From which value on to call a sample positive so that F1 (the harmonic mean of precision and recall; van
/// Rijsbergen 1979) is highest; the highest of several. Nothing when no sample is positive, or all are.
std::optional<double> f1_threshold(std::vector<Score> scores);

/// The sum over thresholds of the precision there times what recall gains, as scikit-learn's
/// average_precision_score. Nothing when no sample is positive.
std::optional<double> average_precision(std::vector<Score> scores);

}  // namespace flowrun::torch_nodes
