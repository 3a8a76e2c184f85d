// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <flowrun/torch/batch.h>
#include <flowrun/torch/model.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gradients.h"
#include "history.h"
#include "optimizer.h"
#include "schedule.h"
#include "task.h"
#include "training_options.h"

namespace flowrun::torch_nodes {

/// A model in training: what all tasks have in common. Not thread-safe.
class Trainer {
 public:
  /// Makes the model for the task's outputs and the images of `first`, with the weights that the options
  /// name, or random ones of the seed. Throws Error.
  Trainer(TrainingOptions options, std::unique_ptr<const Task> task, const Batch& first);

  /// A training or validation batch of the epoch under way. Throws Error when it does not fit the first one
  /// or the loss is no number; when the device's memory is not enough, saying what would be.
  void take(const Batch& batch);
  /// Ends the epoch: adds its numbers to the history. Throws Error when the model is not finite.
  void end_epoch();

  /// Writes model, optimiser, scaler, random state and history. The same bytes for the same training.
  void save(const std::filesystem::path& file) const;
  /// Goes on where save() left off. Throws Error when `file` is no checkpoint of a training with these
  /// options and classes.
  void resume(const std::filesystem::path& file);

  const History& history() const { return history_; }
  /// The epoch that comes next, from 0.
  std::uint64_t next_epoch() const { return history_.rows().size(); }
  /// What the user should know, once: weights without the last layer, batches that were split or left
  /// out, a metric that cannot be told.
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 private:
  void load_weights_of_options();
  void check(const Batch& batch) const;
  void check_finite() const;
  void note_missing_metric(const History::Row& row, const std::vector<Scored>* slides);
  void train(const at::Tensor& images, const at::Tensor& targets);
  void leave_out();
  void split_after(const std::exception& problem, const at::Tensor& images, const at::Tensor& targets);
  void validate(const Batch& batch, const at::Tensor& targets);
  void backward(const at::Tensor& images, const at::Tensor& targets, double share);
  void backward_in_parts(const at::Tensor& images, const at::Tensor& targets, double weight);
  void take_step();
  std::string what_fits(const at::Tensor& images, const at::Tensor& targets);
  at::Tensor on_device(const at::Tensor& tensor, bool images) const;

  TrainingOptions options_;
  std::unique_ptr<const Task> task_;
  ModelFacts facts_;
  c10::Device device_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Optimizer> optimizer_;
  Course course_;
  History history_;
  std::vector<std::string> notes_;

  std::int64_t part_ = 0;  // samples computed at once; 0: whole batches
  // Of the step under way:
  std::int64_t in_window_ = 0;  // batches taken
  double window_weight_ = 0;    // of their targets
  double unit_ = 0;             // of the first of them: what gradients are divided by until all is known

  std::uint64_t batches_ = 0;         // of training, in this epoch
  std::set<std::string> not_finite_;  // from the beginning, as masks of attention are
  bool left_out_ = false;             // a batch of one image
  bool no_metric_ = false;            // as was told
  LossScale scale_;                   // for fp16

  // Of the epoch under way.
  struct Sums {
    double loss = 0, weight = 0;  // of targets
    double metric = 0;            // Task::training_sum()
    std::uint64_t samples = 0;
  } sums_;
  double validation_loss_sum_ = 0;
  std::uint64_t skipped_ = 0;  // steps, in fp16
  std::vector<Scored> scored_;
};

}  // namespace flowrun::torch_nodes
