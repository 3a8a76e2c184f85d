// SPDX-License-Identifier: Apache-2.0
#include "train.h"

#include <ATen/core/Tensor.h>
#include <flowrun/torch/batch.h>
#include <flowrun/torch/model.h>
#include <fmt/format.h>

#include "image_trainer.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/tensor_memory.h"
#include "nodes/trainer/task_kind.h"
#include "nodes/trainer/training_files.h"

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

Action Train::process(Inputs& in, Outputs&) {
  return [this, batch = in.share<Batch>("batch")] { take(*batch); };
}

void Train::take(const Batch& batch) {
  const ModelThreads share(model_threads());
  if (!trainer_) {
    keep_tensor_memory();
    trainer_ = std::make_unique<ImageTrainer>(*this, batch);
    if (batch.epoch > 0) trainer_->resume(dir / "last.pt");
  } else if (idle_since_ != Clock::time_point{} && !batch.validation) {
    waiting_seconds_ += seconds_since(idle_since_);
  }
  if (batch.epoch != trainer_->next_epoch())
    throw Error(
        fmt::format("epoch {} is to be trained, but {} is of epoch {}: run with --force to train anew",
                    batch.epoch + 1, (dir / "last.pt").string(), trainer_->next_epoch()));
  const auto began = Clock::now();
  trainer_->take(batch);
  if (!batch.validation) {
    busy_seconds_ += seconds_since(began);
    images_ += static_cast<std::uint64_t>(batch.images.size(0));
  }
  idle_since_ = Clock::now();
}

void Train::finish(Inputs& in, Outputs& out) {
  if (!trainer_) return;
  if (!in.scope().failed()) end_epoch(in);
  for (std::string& note : trainer_->take_notes()) out.note(std::move(note));
  if (in.scope().failed()) return;
  if (const std::string best = metric_name(*this);
      patience && trainer_->history().stagnates(best, *patience)) {
    out.end_scopes();
    out.note(fmt::format("training stopped early: no better {} in {} epochs", best, *patience));
  }
}

void Train::end_epoch(Inputs& in) {
  const ModelThreads share(model_threads());
  trainer_->end_epoch();
  hand_on_epoch(*trainer_, metric_name(*this), in.scope(), dir);
  idle_since_ = {};  // between epochs nobody waits for batches
}

Packets Train::finish_run(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return {};
  if (images_ > 0 && busy_seconds_ > 0) {
    out.note(fmt::format("{:.1f} training images/s, {:.1f} % of the time waiting for them",
                         static_cast<double>(images_) / (busy_seconds_ + waiting_seconds_),
                         100 * waiting_seconds_ / (busy_seconds_ + waiting_seconds_)));
  }
  trainer_.reset();  // its memory before the model's
  release_tensor_memory();
  return {1, [this](std::uint64_t, Outputs& at_end) { at_end.emit("model", read_model(dir / "best.pt")); }};
}

}  // namespace flowrun::torch_nodes
