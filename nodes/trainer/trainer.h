// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <flowrun/torch/model.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gradients.h"
#include "history.h"
#include "nodes/torch/autocast.h"
#include "nodes/torch/copies.h"
#include "nodes/torch/late_reads.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/ranks.h"
#include "optimizer.h"
#include "schedule.h"
#include "task.h"
#include "training_options.h"
#include "weight_average.h"

namespace flowrun::torch_nodes {

/// A model in training: what all of them have in common, whatever a sample is: steps, precision, schedule,
/// random state, history, checkpoints. A class of its own for each kind of sample derives from it and feeds
/// it: for each batch begin_batch(), backward() once or in parts, end_batch(); then, in an epoch,
/// begin_validation() and score(). Not thread-safe.
class Trainer {
 public:
  virtual ~Trainer() = default;

  /// Ends the epoch: adds its numbers to the history. Throws Error when the model is not finite.
  void end_epoch();

  /// Writes model, optimiser, scaler, random state and history. The same bytes for the same training.
  void save(const std::filesystem::path& file) const;
  /// Goes on where save() left off. Throws Error when `file` is no checkpoint of a training with these
  /// options and classes.
  void resume(const std::filesystem::path& file);

  /// What the model is after the last epoch, made of what, and how good, as JSON: a model card (Mitchell et
  /// al., FAT* 2019). The same bytes for the same training.
  std::string model_card() const;

  const History& history() const { return history_; }
  const Task& task() const { return *task_; }
  /// Validation of the epoch that has just ended, as its model would predict it now.
  const std::vector<Scored>& judged() const { return judged_; }
  /// Samples for testing, likewise.
  const std::vector<Scored>& judged_tests() const { return judged_tests_; }
  /// The epoch that comes next, from 0.
  std::uint64_t next_epoch() const { return history_.rows().size(); }
  /// The last epoch is the best, or cannot be compared.
  bool last_is_best() const;
  /// No epoch is to come: none of the last ones was the best.
  bool is_over() const;
  /// What the user should know, once: weights without the last layer, batches that were split or left
  /// out, a metric that cannot be told.
  std::vector<std::string> take_notes() { return std::exchange(notes_, {}); }

 protected:
  /// `copies` are those of the options' device; `ranks` train together. Throws Error. The derived class then
  /// makes a network and begins.
  Trainer(TrainingOptions options, std::unique_ptr<const Task> task, Copies copies,
          std::shared_ptr<Ranks> ranks = std::make_shared<Ranks>());
  /// `network` has one output for each of the task's and is on device(); `learnt` are those of its parameters
  /// that are learnt, `rates` what their learning rates are multiplied with (none: all 1).
  void begin(std::unique_ptr<Network> network, NamedTensors learnt, ModelFacts facts, std::uint64_t epochs,
             std::uint64_t batches_per_epoch, const std::vector<double>& rates = {});

  // For derived classes, what they may add.
  /// What decides how training goes on, besides TrainingOptions.
  virtual std::string more_settings() const = 0;
  virtual void save_more(c10::impl::GenericDict&) const {}
  /// Throws Error that says what is wrong.
  virtual void resume_more(const Checkpoint&) {}
  /// What the model card says of the samples, and of options besides TrainingOptions.
  virtual nlohmann::ordered_json trained_on() const = 0;
  virtual void add_options(nlohmann::ordered_json&) const = 0;
  /// Metrics of validation beside those of its samples.
  virtual void add_metrics(History::Row&) const {}
  /// Why the metric of the best epoch is null.
  virtual std::string why_missing(const std::string& metric) const;
  virtual std::string why_no_samples() const { return "an epoch had no training samples"; }

  // For derived classes, to call.
  const ModelFacts& facts() const { return facts_; }
  void set_mpp(std::optional<double> mpp) { facts_.mpp = mpp; }
  Network& network() const { return *network_; }
  c10::Device device() const { return device_; }
  Copies& copies() { return copies_; }
  Ranks& ranks() { return *ranks_; }
  const std::shared_ptr<Ranks>& shared_ranks() const { return ranks_; }
  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// That the options say.
  Autocast::Setting precision() const;

  /// Where several ranks train: the next batch of the epoch is that number. Takes the steps of those before
  /// it of which this rank has no samples.
  void come_to(std::uint64_t batch);
  /// A batch, or what is left of one that was begun before, whose targets weigh so much.
  void begin_batch(double weight);
  /// Adds the gradients of `loss`, the mean over so many samples, which are all of the batch or a part and
  /// whose targets weigh so much; `metric` is Task::training_sum() of them.
  void backward(const at::Tensor& loss, double weight, std::int64_t samples, const at::Tensor& metric);
  /// Takes a step when that was the last batch of one. Throws Error when the loss of this batch is no number,
  /// or, on a device, that of the batch before.
  void end_batch(double weight);
  /// What backward() was told of the batch under way does not count: it is begun anew.
  void forget_batch() { reads_.forget_batch(); }
  /// Counts a batch that nothing was learnt from.
  void skip_batch();
  /// Of the step under way nothing is left, neither of this batch nor of earlier ones of the same step.
  void forget_step();
  void forget_gradients() { optimizer_->forget_gradients(); }
  bool in_step() const { return in_window_ > 0; }
  bool are_several_ranks() const { return ranks_->are_several(); }
  /// What a rank computes of a batch depends on what the others do at the same time.
  bool joins_ranks_ = false;

  /// All batches of the epoch to learn from were taken. All ranks do it at the same time; so those that train
  /// several models are to call it, and others need not.
  void end_training();
  /// Before the model is asked of samples that it does not learn from.
  void begin_validation();
  /// Adds samples of validation, named by slide, with targets on the CPU, and the places that they have among
  /// those of all ranks. Throws Error when what is said of them is no number.
  void score(const at::Tensor& outputs, const at::Tensor& targets, const std::vector<std::string>& slides,
             const std::vector<std::uint64_t>& places = {});
  /// The same of samples for testing.
  void test(const at::Tensor& outputs, const at::Tensor& targets, const std::vector<std::string>& slides,
            const std::vector<std::uint64_t>& places = {});
  const std::vector<Scored>& scored() const { return scored_.samples; }

 private:
  /// What was learnt from in the epoch under way.
  struct Sums {
    double loss = 0, weight = 0;  // of targets
    double metric = 0;            // Task::training_sum()
    std::uint64_t samples = 0;
  };
  /// What was said of samples in an epoch.
  struct Said {
    std::vector<Scored> samples;
    std::vector<float> logits;          // samples x outputs, when they are to be calibrated
    std::vector<std::uint64_t> places;  // where several ranks train, by sample
  };

  void check_finite() const;
  void note_missing_metric(const History::Row& row);
  void note_once(bool& told, std::string text);
  /// Chooses what the options say on the epoch's validation: the facts say it, its samples follow it, and
  /// what is returned tells it.
  History::Row judge();
  /// Reads what is said of samples.
  LateReads::Read adding(const at::Tensor& outputs, const at::Tensor& targets,
                         const std::vector<std::string>& slides, const std::vector<std::uint64_t>& places,
                         Said& to);
  void calibrate(History::Row& row);
  void follow_temperatures(Said& said) const;
  void choose_thresholds(History::Row& row);
  void take_step();
  double weight_of_all(double own);
  /// What the step that ends learns by: the mean over the samples of all ranks. Nothing: they weigh nothing.
  std::optional<std::vector<at::Tensor>> gradients_of_step();
  /// What ranks counted and said in the epoch each has of all.
  void gather_epoch();
  void gather(Said& said);

  TrainingOptions options_;
  std::unique_ptr<const Task> task_;
  ModelFacts facts_;
  c10::Device device_;
  Copies copies_;
  std::shared_ptr<Ranks> ranks_;
  LateReads reads_;
  std::unique_ptr<Network> network_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<WeightAverage> average_;       // if one is wanted
  std::optional<WeightAverage::InPlace> shown_;  // while it is what validation sees
  Course course_;
  History history_;
  std::vector<std::string> notes_;

  // Of the step under way:
  std::int64_t in_window_ = 0;  // batches taken
  double window_weight_ = 0;    // of their targets
  double unit_ = 0;             // of the first of them: what gradients are divided by until all is known

  std::uint64_t batches_ = 0;  // of training, in this epoch
  std::uint64_t batches_per_epoch_ = 0;
  bool training_ended_ = false;       // in this epoch
  std::set<std::string> not_finite_;  // from the beginning, as masks of attention are
  bool no_metric_ = false, no_temperature_ = false, no_threshold_ = false;  // as was told
  LossScale scale_;                                                         // for fp16

  // Of the epoch under way.
  Sums sums_;
  double validation_loss_sum_ = 0;
  std::uint64_t skipped_ = 0;  // steps, in fp16
  Said scored_, tested_;
  std::vector<Scored> judged_, judged_tests_;  // the same of the last one, until the next begins
};

}  // namespace flowrun::torch_nodes
