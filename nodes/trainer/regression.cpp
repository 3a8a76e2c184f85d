// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "nodes/torch/predictions.h"
#include "target_task.h"
#include "task_kind.h"

namespace flowrun::torch_nodes {
namespace {

/// What the metrics are made of, by sums around the means.
struct Errors {
  double count = 0, absolute = 0, squared = 0;
  double of_targets = 0, of_predictions = 0, of_both = 0;  // squared deviations, and their products

  Errors(const std::vector<Scored>& samples, std::size_t target)
      : count(static_cast<double>(samples.size())) {
    double right = 0, said = 0;
    for (const Scored& sample : samples) right += sample.target[target], said += sample.predicted[target];
    right /= count, said /= count;  // exact where all are one number
    for (const Scored& sample : samples) {
      const double x = sample.target[target], y = sample.predicted[target];
      absolute += std::abs(y - x);
      squared += (y - x) * (y - x);
      of_targets += (x - right) * (x - right);
      of_predictions += (y - said) * (y - said);
      of_both += (x - right) * (y - said);
    }
  }
};

std::optional<double> mae(const std::vector<Scored>& samples, std::size_t target) {
  const Errors errors(samples, target);
  return errors.absolute / errors.count;
}

std::optional<double> rmse(const std::vector<Scored>& samples, std::size_t target) {
  const Errors errors(samples, target);
  return std::sqrt(errors.squared / errors.count);
}

/// The coefficient of determination; nothing when all targets are one number.
std::optional<double> r2(const std::vector<Scored>& samples, std::size_t target) {
  const Errors errors(samples, target);
  if (errors.of_targets == 0) return {};
  return 1 - errors.squared / errors.of_targets;
}

/// Pearson's correlation; nothing when all targets, or all predictions, are one number.
std::optional<double> pearson(const std::vector<Scored>& samples, std::size_t target) {
  const Errors errors(samples, target);
  if (errors.of_targets == 0 || errors.of_predictions == 0) return {};
  return errors.of_both / std::sqrt(errors.of_targets) / std::sqrt(errors.of_predictions);
}

class Regression final : public TargetTask {
 public:
  Regression(TrainingOptions options, std::vector<std::string> targets)
      : TargetTask(std::move(targets)), options_(std::move(options)) {}

  std::string name() const override { return "regression"; }
  std::string outputs_are() const override { return "targets"; }

  at::Tensor loss(const at::Tensor& outputs, const at::Tensor& targets) const override {
    const at::Tensor numbers = outputs.to(at::kFloat);
    if (loss_name(options_) == "mse") return at::mse_loss(numbers, targets);
    return at::huber_loss(numbers, targets, at::Reduction::Mean, options_.huber_delta);
  }
  at::Tensor validation_loss(const at::Tensor& outputs, const at::Tensor& targets) const override {
    return loss(outputs, targets);
  }
  at::Tensor predictions(const at::Tensor& outputs) const override { return predictions_of(name(), outputs); }

  std::string training_metric() const override { return "train_mae"; }
  at::Tensor training_sum(const at::Tensor& outputs, const at::Tensor& targets) const override {
    return (outputs.to(at::kFloat) - targets).abs().mean(1).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    add(prefix + "mae", samples, mae, row);
    add(prefix + "rmse", samples, rmse, row);
    add(prefix + "r2", samples, r2, row);
    add(prefix + "pearson", samples, pearson, row);
  }
  std::string why_missing(const std::string&, const std::vector<Scored>& samples,
                          const std::string& kind) const override {
    std::vector<std::string> constant;
    for (std::size_t target = 0; target < outputs().size(); ++target)
      if (!r2(samples, target)) constant.push_back(outputs()[target]);
    if (constant.empty()) return "the model gives one number for all samples";
    return fmt::format("each {} of validation has the same '{}'", kind, fmt::join(constant, "', '"));
  }

 private:
  TrainingOptions options_;
};

}  // namespace

std::unique_ptr<Task> make_regression(const TrainingOptions& options, std::vector<std::string> targets) {
  return std::make_unique<Regression>(options, std::move(targets));
}

}  // namespace flowrun::torch_nodes
