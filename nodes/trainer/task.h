// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "history.h"
#include "scored.h"
#include "training_options.h"

namespace flowrun::torch_nodes {

/// What a model learns: what its outputs mean, the loss and the metrics. The Trainer knows nothing of these.
/// Outputs are samples x outputs, of any float type, targets have a row a sample. Immutable, thread-safe.
class Task {
 public:
  explicit Task(std::vector<std::string> outputs) : outputs_(std::move(outputs)) {}
  virtual ~Task() = default;

  /// As options and checkpoints call it.
  virtual std::string name() const = 0;
  /// What the model's outputs stand for, in their order.
  const std::vector<std::string>& outputs() const { return outputs_; }
  /// What they are: "classes".
  virtual std::string outputs_are() const = 0;

  /// The mean over samples, to be minimised; float32.
  virtual at::Tensor loss(const at::Tensor& outputs, const at::Tensor& targets) const = 0;
  /// The loss is none of single samples: it compares those of a step with each other.
  virtual bool is_joint() const { return false; }
  /// What loss() divides by, of targets on the CPU: by it the losses of parts add up to that of the whole.
  virtual double weight(const at::Tensor& targets) const { return static_cast<double>(targets.size(0)); }
  /// The mean of a loss that compares epochs and runs: whatever samples weigh in training.
  virtual at::Tensor validation_loss(const at::Tensor& outputs, const at::Tensor& targets) const = 0;
  /// What the outputs say, as predict gives it: float32.
  virtual at::Tensor predictions(const at::Tensor& outputs) const = 0;

  /// What is told of training beside the loss: a column's name, and its sum over samples, a number on the
  /// outputs' device.
  virtual std::string training_metric() const = 0;
  virtual at::Tensor training_sum(const at::Tensor& outputs, const at::Tensor& targets) const = 0;
  /// Adds the metrics of validation, their names with a prefix; the same names, with null, of no samples.
  virtual void add_metrics(const std::vector<Scored>& samples, const std::string& prefix,
                           History::Row& row) const = 0;
  /// Why `metric`, without prefix, is null with these samples; `kind` is what they are ("slide").
  virtual std::string why_missing(const std::string& metric, const std::vector<Scored>& samples,
                                  const std::string& kind) const = 0;

 private:
  std::vector<std::string> outputs_;
};

/// Classes of which a sample has one, its target the index (int64): a probability for each. `draws` tells how
/// often each is drawn, in proportion; empty: not known. Throws Error when there are fewer than two.
std::unique_ptr<Task> make_classification(const TrainingOptions& options, std::vector<std::string> classes,
                                          const std::vector<std::uint64_t>& draws);
/// Labels, of which a sample has any number, its targets 1 or 0: a probability for each.
std::unique_ptr<Task> make_multilabel(std::vector<std::string> labels);
/// Numbers.
std::unique_ptr<Task> make_regression(const TrainingOptions& options, std::vector<std::string> targets);

}  // namespace flowrun::torch_nodes
