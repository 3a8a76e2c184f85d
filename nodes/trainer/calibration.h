// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "ranking.h"
#include "scored.h"

namespace flowrun::torch_nodes {

/// Logits of samples, each of one of several classes, and which it is.
struct LabelledLogits {
  std::size_t classes = 0;
  std::vector<float> logits;        ///< samples x classes
  std::vector<std::size_t> labels;  ///< by sample

  /// The mean of -log of the probability of what is right, when logits are divided by `temperature`.
  double negative_log_likelihood(double temperature) const;
  /// The temperature where that is least (Guo et al., On Calibration of Modern Neural Networks, ICML 2017,
  /// section 4.2), by Newton's method, to 1e-9 of it. Nothing when it is not between `least` and `most`: no
  /// sample is mistaken, and the lower the better, or logits are no better than chance.
  std::optional<double> temperature() const;
  static constexpr double least = 0.01, most = 100;
};

/// Of samples of classes; of one label: whether a sample has it, its logit against 0. `logits` are samples x
/// outputs.
LabelledLogits class_logits(const std::vector<Scored>& samples, const std::vector<float>& logits);
LabelledLogits label_logits(const std::vector<Scored>& samples, const std::vector<float>& logits,
                            std::size_t label);

/// Samples whose confidence is above the end of the bin before and at most that of this one.
struct CalibrationBin {
  std::uint64_t samples = 0;
  double confidence = 0;  ///< mean
  double right = 0;       ///< share
};
/// 15 bins of one width from 0 to 1, as in Guo et al. 2017.
using CalibrationBins = std::array<CalibrationBin, 15>;

/// What is compared: of classes the highest probability, and whether it is that of the right class; of a
/// label its probability, and whether samples have it.
std::vector<Score> class_confidences(const std::vector<Scored>& samples);
CalibrationBins calibration_bins(const std::vector<Score>& confidences);
/// The mean over samples of how far their bin's confidence is from its share: Guo et al. 2017, equation 3.
/// Nothing when there are none.
std::optional<double> expected_calibration_error(const CalibrationBins& bins);

}  // namespace flowrun::torch_nodes
