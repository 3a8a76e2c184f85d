// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nodes/torch/predictions.h"
#include "ranking.h"
#include "target_task.h"

namespace flowrun::torch_nodes {
namespace {

/// How often a probability of its threshold (else 0.5) and more, or less, is right.
std::optional<double> accuracy(const std::vector<Scored>& samples, std::size_t label) {
  const auto right = std::ranges::count_if(samples, [&](const Scored& sample) {
    return has_label(sample.predicted[label], values_of(sample.thresholds), label) ==
           (sample.target[label] > 0);
  });
  return static_cast<double>(right) / static_cast<double>(samples.size());
}

std::optional<double> area(const std::vector<Scored>& samples, std::size_t label) {
  const auto roc = roc_of(label_scores(samples, label));
  return roc ? std::optional(roc->area) : std::nullopt;
}

std::optional<double> precision(const std::vector<Scored>& samples, std::size_t label) {
  return average_precision(label_scores(samples, label));
}

class Multilabel final : public TargetTask {
 public:
  using TargetTask::TargetTask;

  std::string name() const override { return "multilabel"; }
  std::string outputs_are() const override { return "labels"; }

  at::Tensor loss(const at::Tensor& logits, const at::Tensor& targets) const override {
    return at::binary_cross_entropy_with_logits(logits.to(at::kFloat), targets);
  }
  at::Tensor validation_loss(const at::Tensor& logits, const at::Tensor& targets) const override {
    return loss(logits, targets);
  }
  at::Tensor predictions(const at::Tensor& logits) const override { return predictions_of(name(), logits); }

  std::string training_metric() const override { return "train_accuracy"; }
  at::Tensor training_sum(const at::Tensor& logits, const at::Tensor& targets) const override {
    return logits.ge(0).eq(targets.gt(0)).to(at::kFloat).mean(1).sum();
  }
  void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                   History::Row& row) const override {
    add(prefix + "accuracy", samples, accuracy, row);
    add(prefix + "auc", samples, area, row);
    add(prefix + "average_precision", samples, precision, row);
  }
  std::string why_missing(const std::string&, const std::vector<Scored>& samples,
                          const std::string& kind) const override {
    std::vector<std::string> of_one_kind;
    for (std::size_t label = 0; label < outputs().size(); ++label)
      if (!area(samples, label)) of_one_kind.push_back(outputs()[label]);
    return fmt::format("validation has no {} with, or none without, the label '{}'", kind,
                       fmt::join(of_one_kind, "', '"));
  }
};

}  // namespace

std::unique_ptr<Task> make_multilabel(std::vector<std::string> labels) {
  return std::make_unique<Multilabel>(std::move(labels));
}

}  // namespace flowrun::torch_nodes
