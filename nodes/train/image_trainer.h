// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/batch.h>

#include <string>
#include <utility>
#include <vector>

#include "image_options.h"
#include "nodes/trainer/fold_metrics.h"
#include "nodes/trainer/mixup.h"
#include "nodes/trainer/trainer.h"

namespace flowrun::torch_nodes {

/// A model of images in training, whose samples are those of batches.
class ImageTrainer final : public Trainer {
 public:
  /// Makes the task that the options name, and the model for its outputs and the images of `first`, with the
  /// weights that the options name, or random ones of the seed. `copies` are those of the options' device;
  /// `ranks` train together, each with its samples of each batch. Throws Error.
  ImageTrainer(const ImageTrainingOptions& options, const Batch& first, Copies copies,
               std::shared_ptr<Ranks> ranks = std::make_shared<Ranks>());

  /// A batch of the epoch under way. Throws Error when it does not fit the first one or the loss is no
  /// number, on a device perhaps only with the next batch, or at the end of the epoch; when the device's
  /// memory is not enough, saying what would be.
  void take(const Batch& batch);
  /// Ends the epoch, and keeps what was said in it when it is the best.
  void end();
  /// Of samples of validation and for testing, in the best epoch so far.
  const std::vector<Evaluated>& evaluated() const { return best_; }
  void set_evaluated(std::vector<Evaluated> samples) { best_ = std::move(samples); }

 private:
  std::string more_settings() const override;
  void save_more(c10::impl::GenericDict& checkpoint) const override;
  void resume_more(const Checkpoint& checkpoint) override;
  nlohmann::ordered_json trained_on() const override;
  void add_options(nlohmann::ordered_json& options) const override;
  void add_metrics(History::Row& row) const override;
  std::string why_missing(const std::string& metric) const override;
  std::string why_no_samples() const override;

  void load_weights_of_options(Network& network);
  void join_batch_norms(Network& network);
  void check(const Batch& batch) const;
  void train(const at::Tensor& own, const at::Tensor& own_targets);
  void leave_out();
  /// What is known of the samples that were evaluated each rank has of all.
  void gather_evaluated();
  void split_after(const std::exception& problem, const at::Tensor& images, const MixedTargets& targets);
  void validate(const Batch& batch, const at::Tensor& targets);
  void learn(const at::Tensor& images, const MixedTargets& targets);
  void learn_in_parts(const at::Tensor& images, const MixedTargets& targets, double weight);
  std::string what_fits(const at::Tensor& images, const MixedTargets& targets);
  at::Tensor images_on_device(const at::Tensor& images);

  ImageTrainingOptions options_;
  std::shared_ptr<const wsi::SampleSet> samples_;  // null: not known
  std::vector<Evaluated> now_, best_;              // of now_ what was said is told when the epoch ends
  RandomSource mixing_random_;
  std::int64_t part_ = 0;  // samples computed at once; 0: whole batches
  bool left_out_ = false;  // a batch of one image
};

}  // namespace flowrun::torch_nodes
