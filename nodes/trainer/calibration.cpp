// SPDX-License-Identifier: Apache-2.0
#include "calibration.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace flowrun::torch_nodes {
namespace {

/// Of one sample, when logits are multiplied with `sharpness`, one over the temperature.
struct Loss {
  double value = 0, slope = 0, curvature = 0;  // by sharpness; it is convex
};

Loss loss_of(std::span<const float> logits, std::size_t label, double sharpness) {
  const double right = logits[label];
  const double highest = *std::ranges::max_element(logits) - right;
  double sum = 0, first = 0, second = 0;  // moments of logits above the right one
  for (const float logit : logits) {
    const double above = logit - right, share = std::exp(sharpness * (above - highest));
    sum += share, first += share * above, second += share * above * above;
  }
  const double mean = first / sum;
  return {sharpness * highest + std::log(sum), mean, second / sum - mean * mean};
}

Loss mean_loss(const LabelledLogits& of, double sharpness) {
  Loss mean;
  for (std::size_t i = 0; i < of.labels.size(); ++i) {
    const Loss one =
        loss_of(std::span(of.logits).subspan(i * of.classes, of.classes), of.labels[i], sharpness);
    mean.value += one.value, mean.slope += one.slope, mean.curvature += one.curvature;
  }
  const auto count = static_cast<double>(of.labels.size());
  return {mean.value / count, mean.slope / count, mean.curvature / count};
}

}  // namespace

double LabelledLogits::negative_log_likelihood(double temperature) const {
  return mean_loss(*this, 1 / temperature).value;
}

std::optional<double> LabelledLogits::temperature() const {
  double low = 1 / most, high = 1 / least, sharpness = 1;
  if (labels.empty() || !(mean_loss(*this, low).slope < 0) || !(mean_loss(*this, high).slope > 0)) return {};
  constexpr int most_steps = 200;  // as many as halving the range takes in the worst case
  for (int i = 0; i < most_steps; ++i) {
    const Loss at = mean_loss(*this, sharpness);
    (at.slope < 0 ? low : high) = sharpness;
    double next = sharpness - at.slope / at.curvature;
    if (!(next > low && next < high)) next = std::sqrt(low * high);
    const double step = std::abs(next - sharpness);
    sharpness = next;
    if (step <= 1e-10 * sharpness) break;
  }
  return 1 / sharpness;
}

LabelledLogits class_logits(const std::vector<Scored>& samples, const std::vector<float>& logits) {
  LabelledLogits out{samples.empty() ? 0 : logits.size() / samples.size(), logits, {}};
  for (const Scored& sample : samples) out.labels.push_back(static_cast<std::size_t>(sample.target.front()));
  return out;
}

LabelledLogits label_logits(const std::vector<Scored>& samples, const std::vector<float>& logits,
                            std::size_t label) {
  LabelledLogits out{2, {}, {}};
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const std::size_t outputs = samples[i].target.size();
    out.logits.insert(out.logits.end(), {0, logits[i * outputs + label]});
    out.labels.push_back(samples[i].target[label] > 0 ? 1 : 0);
  }
  return out;
}

std::vector<Score> class_confidences(const std::vector<Scored>& samples) {
  std::vector<Score> out;
  for (const Scored& sample : samples) {
    const auto said = std::ranges::max_element(sample.predicted);
    out.push_back(
        {*said, said - sample.predicted.begin() == static_cast<std::ptrdiff_t>(sample.target.front())});
  }
  return out;
}

CalibrationBins calibration_bins(const std::vector<Score>& confidences) {
  CalibrationBins bins;
  for (const Score& one : confidences) {
    const double end = std::ceil(one.value * static_cast<double>(bins.size()));  // a bin has its upper end
    CalibrationBin& bin =
        bins[static_cast<std::size_t>(std::clamp(end, 1.0, static_cast<double>(bins.size()))) - 1];
    ++bin.samples;
    bin.confidence += one.value, bin.right += one.positive;
  }
  for (CalibrationBin& bin : bins) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(1, bin.samples));
    bin.confidence /= count, bin.right /= count;
  }
  return bins;
}

std::optional<double> expected_calibration_error(const CalibrationBins& bins) {
  double sum = 0, count = 0;
  for (const CalibrationBin& bin : bins) {
    const auto samples = static_cast<double>(bin.samples);
    sum += samples * std::abs(bin.right - bin.confidence), count += samples;
  }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

}  // namespace flowrun::torch_nodes
