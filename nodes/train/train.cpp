// SPDX-License-Identifier: Apache-2.0
#include "train.h"

#include <ATen/core/Tensor.h>
#include <flowrun/torch/batch.h>
#include <flowrun/torch/model.h>
#include <fmt/format.h>

#include <utility>

#include "image_trainer.h"
#include "nodes/base/out_file.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/model_thread.h"
#include "nodes/torch/ranks.h"
#include "nodes/torch/tensor_memory.h"
#include "nodes/trainer/evaluated_file.h"
#include "nodes/trainer/judged_files.h"
#include "nodes/trainer/task_kind.h"
#include "nodes/trainer/training_files.h"
#include "nodes/trainer/training_report.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point then) {
  return std::chrono::duration<double>(Clock::now() - then).count();
}

}  // namespace

void convert(const Value& value, ModelName& out) {
  convert(value, out.text);
  out.script.clear();
  if (!is_architecture(out.text)) convert(value, out.script);
}

Train::Train() = default;
Train::~Train() = default;

std::map<std::string, std::string> Train::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (weights) wsi::add_identity("weights", *weights, all);
  if (!model.script.empty()) wsi::add_identity("model", model.script, all);
  return all;
}

int Train::model_threads() const {
  return threads.value_or(threads_of_run_);
}

ModelThread& Train::model_thread() {
  if (!model_thread_) model_thread_ = std::make_unique<ModelThread>(model_threads(), choose_device(device));
  return *model_thread_;
}

Action Train::process(Inputs& in, Outputs&) {
  return [this, batch = in.share<Batch>("batch")] {
    model_thread().run([&] {
      try {
        take(*batch);
      } catch (const std::exception& problem) {
        Ranks::fail(ranks_, dir, problem.what());
        throw;
      }
    });
  };
}

/// A model of its own for each fold, one after the other.
void Train::begin(const Batch& batch) {
  check_passes_one(batch.folds);
  if (batch.fold == 0 && batch.epoch == 0) refuse_other_models(dir, batch.folds);
  if (!ranks_) {
    check_for_ranks(batch);
    ranks_ = std::make_shared<Ranks>(dir);
  }
  const bool is_first = !trainer_;
  trainer_.reset();
  is_first ? keep_tensor_memory() : release_tensor_memory();
  fold_ = batch.fold;
  folds_ = batch.folds;
  over_ = batch.over;
  ranks_->agree_on(fmt::format("epoch {} of fold {}", batch.epoch + 1, batch.fold));
  trainer_ = std::make_unique<ImageTrainer>(*this, batch, Copies(choose_device(device)), ranks_);
  if (batch.epoch == 0) return;
  trainer_->resume(dir / folder(fold_) / "last.pt");
  trainer_->set_evaluated(read_evaluated(dir / folder(fold_) / "predictions.pt"));
}

void Train::check_for_ranks(const Batch& batch) const {
  const Rank rank = rank_of_process();
  if (rank.count == 1) return;
  if (mixup > 0)
    throw Error(
        "mixup mixes images of a whole batch, of which each of several ranks has some: leave it out, or "
        "train with one process");
  if (on_oom == "split")
    throw Error(
        "on_oom: split begins a step anew, which several ranks take together: leave it out, set `batch` "
        "lower with accumulate, or train with one process");
  if (const std::uint64_t samples = batch.set ? batch.set->training_samples : 0;
      samples < static_cast<std::uint64_t>(rank.count))
    throw Error(
        fmt::format("there are {} samples to train with for {} ranks: start fewer", samples, rank.count));
}

bool Train::is_first_rank() const {
  return !ranks_ || ranks_->own().number == 0;
}

/// The plan refuses it if it was told; a plugin's epochs may not tell.
void Train::check_passes_one(std::uint64_t folds) const {
  if (folds > 1 && passes_on_)
    throw Error(
        fmt::format("a model is trained for each of {} folds, so there is not one to pass on: let those that "
                    "take it read fold_0/best.pt and so on, or train without folds",
                    folds));
}

fs::path Train::folder(std::uint64_t fold) const {
  return folds_ > 0 ? fold_folder(fold) : "";
}

void Train::take(const Batch& batch) {
  if (!trainer_ || batch.fold != fold_) {
    begin(batch);
  } else if (idle_since_ != Clock::time_point{} && !batch.validation) {
    waiting_seconds_ += seconds_since(idle_since_);
  }
  if (over_ && trainer_->is_over()) {  // as was not known any more when the run went on
    over_->request_stop();
    return;
  }
  if (batch.epoch != trainer_->next_epoch())
    throw Error(
        fmt::format("epoch {} is to be trained, but {} is of epoch {}: run with --force to train anew",
                    batch.epoch + 1, (dir / folder(fold_) / "last.pt").string(), trainer_->next_epoch()));
  is_last_ = batch.epoch + 1 == batch.epochs;
  const auto began = Clock::now();
  trainer_->take(batch);
  if (!batch.validation) {
    busy_seconds_ += seconds_since(began);
    images_ += static_cast<std::uint64_t>(batch.images.size(0));
  }
  idle_since_ = Clock::now();
}

void Train::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) Ranks::fail(ranks_, dir, in.scope().name() + " failed");
  if (!trainer_) return;
  const bool wanted = !over_ || !over_->stop_requested();
  if (!in.scope().failed() && wanted) end_epoch(in, out);
  for (std::string& note : trainer_->take_notes()) out.note(std::move(note));
  if (in.scope().failed() || !wanted || is_last_ || !trainer_->is_over()) return;
  over_ ? static_cast<void>(over_->request_stop()) : out.end_scopes();
  out.note(fmt::format("{}training stopped early: no better {} in {} epochs",
                       over_ ? fmt::format("fold {}: ", fold_) : "", metric_name(*this), *patience));
}

void Train::end_epoch(Inputs& in, Outputs& out) {
  const std::string of = folds_ > 0 ? fmt::format("fold {}: ", fold_) : "";
  model_thread().run([&] {
    trainer_->end();
    if (!is_first_rank()) return;
    report_curves(of, {{"", &trainer_->history()}}, out);
    if (!hand_on_epoch(*trainer_, in.scope(), dir, folder(fold_))) return;
    write_evaluated(in.scope().hand_on(dir, folder(fold_) / "predictions.pt"), trainer_->evaluated());
    hand_on_judged(trainer_->task(), trainer_->judged(), in.scope(), dir, folder(fold_));
    report_judged(of, trainer_->task(), trainer_->judged(), out);
  });
  if (is_first_rank() && (is_last_ || trainer_->is_over())) write_metrics(in.scope(), out);
  idle_since_ = {};  // between epochs nobody waits for batches
}

/// Of this fold, and those before it.
void Train::write_metrics(const Scope& epoch, Outputs& out) {
  std::vector<std::vector<Evaluated>> all;
  for (std::uint64_t fold = 0; fold < fold_; ++fold)
    all.push_back(read_evaluated(dir / folder(fold) / "predictions.pt"));
  all.push_back(trainer_->evaluated());
  wsi::write_file(
      epoch.hand_on(dir, "metrics.json"),
      metrics_json(trainer_->task(), static_cast<std::uint64_t>(seed), "tiles", all, model_threads(), epoch));
  if (std::string text = said_of_draws("tiles", all); !text.empty() && !std::exchange(told_of_draws_, true))
    out.note(std::move(text));
  if (folds_ == 0) return;
  hand_on_judged(trainer_->task(), tested(all), epoch, dir);
  report_judged("tests of all folds: ", trainer_->task(), tested(all), out);
}

Packets Train::finish_run(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return {};
  if (images_ > 0 && busy_seconds_ > 0) {
    out.note(fmt::format("{:.1f} training images/s{}, {:.1f} % of the time waiting for them",
                         static_cast<double>(images_) / (busy_seconds_ + waiting_seconds_),
                         ranks_ && ranks_->are_several() ? " by rank 0" : "",
                         100 * waiting_seconds_ / (busy_seconds_ + waiting_seconds_)));
  }
  trainer_.reset();  // its memory before the model's
  release_tensor_memory();
  // Where nothing was left to do, the files tell whether there are folds.
  const std::uint64_t folds = folds_ > 0 || fs::exists(dir / "best.pt") ? folds_ : folds_in(dir);
  check_passes_one(folds);
  if (folds > 1) return {};
  const fs::path best = (folds > 0 ? dir / fold_folder(0) : dir) / "best.pt";
  return {1, [best](std::uint64_t, Outputs& at_end) { at_end.emit("model", read_model(best)); }};
}

}  // namespace flowrun::torch_nodes
