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

/// How often a probability of 0.5 and more, or less, is right.
std::optional<double> accuracy(const std::vector<Scored>& samples, std::size_t label) {
  const auto right = std::ranges::count_if(samples, [&](const Scored& sample) {
    return (sample.predicted[label] >= 0.5F) == (sample.target[label] > 0);
  });
  return static_cast<double>(right) / static_cast<double>(samples.size());
}

std::vector<Score> scores_of(const std::vector<Scored>& samples, std::size_t label) {
  std::vector<Score> scores;
  for (const Scored& sample : samples) scores.push_back({sample.predicted[label], sample.target[label] > 0});
  return scores;
}

std::optional<double> area(const std::vector<Scored>& samples, std::size_t label) {
  const auto roc = roc_of(scores_of(samples, label));
  return roc ? std::optional(roc->area) : std::nullopt;
}

std::optional<double> precision(const std::vector<Scored>& samples, std::size_t label) {
  return average_precision(scores_of(samples, label));
}

class Multilabel final : public TargetTask {
 public:
  using TargetTask::TargetTask;

  std::string name() const override { return "multilabel"; }
  std::string outputs_are() const override { return "labels"; }

  at::Tensor targets(const Batch& batch) const override {
    at::Tensor targets = TargetTask::targets(batch);
    const at::Tensor wrong = targets.ne(0).logical_and(targets.ne(1)).nonzero();
    if (wrong.size(0) == 0) return targets;
    const auto row = wrong[0][0].item<std::int64_t>(), label = wrong[0][1].item<std::int64_t>();
    const auto i = static_cast<std::size_t>(row);
    throw Error(fmt::format("{}: '{}' is {}, expected 1 or 0: has the label, or has it not",
                            i < batch.samples.size() ? sample_text(batch.samples[i]) : "a sample",
                            outputs()[static_cast<std::size_t>(label)], targets[row][label].item<float>()));
  }
  at::Tensor loss(const at::Tensor& logits, const at::Tensor& targets) const override {
    return at::binary_cross_entropy_with_logits(logits.to(at::kFloat), targets);
  }
  at::Tensor validation_loss(const at::Tensor& logits, const at::Tensor& targets) const override {
    return loss(logits, targets);
  }
  at::Tensor predictions(const at::Tensor& logits) const override { return predictions_of(name(), logits); }

  std::string training_metric() const override { return "train_accuracy"; }
  double training_sum(const at::Tensor& logits, const at::Tensor& targets) const override {
    return logits.ge(0).eq(targets.gt(0)).to(at::kFloat).mean(1).sum().item<double>();
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

 private:
  static std::string sample_text(const SampleOrigin& sample) {
    if (!sample.path.empty()) return sample.path;
    return fmt::format("{}, x {}, y {}", sample.slide, sample.x, sample.y);
  }
};

}  // namespace

std::unique_ptr<Task> make_multilabel(const Batch& first) {
  return std::make_unique<Multilabel>(first);
}

}  // namespace flowrun::torch_nodes
