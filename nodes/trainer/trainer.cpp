// SPDX-License-Identifier: Apache-2.0
#include "trainer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "nodes/torch/device.h"

namespace flowrun::torch_nodes {
namespace {

std::optional<c10::ScalarType> half_of(const TrainingOptions& options) {
  if (options.precision == "fp16") return at::kHalf;
  if (options.precision == "bf16") return at::kBFloat16;
  return {};
}

/// Those that layers share, which TorchScript gives under all their names, by the first one: they are stepped
/// and averaged once.
NamedTensors each_once(NamedTensors tensors) {
  std::set<const c10::TensorImpl*> known;
  std::erase_if(tensors,
                [&](const auto& one) { return !known.insert(one.second.unsafeGetTensorImpl()).second; });
  return tensors;
}

/// What changes in training.
NamedTensors averaged(const Network& network, NamedTensors learnt) {
  for (auto& buffer : network.buffers()) learnt.push_back(std::move(buffer));
  return each_once(std::move(learnt));
}

}  // namespace

Trainer::Trainer(TrainingOptions options, std::unique_ptr<const Task> task, Copies copies,
                 std::shared_ptr<Ranks> ranks)
    : options_(std::move(options)),
      task_(std::move(task)),
      device_(choose_device(options_.device)),
      copies_(std::move(copies)),
      ranks_(std::move(ranks)),
      reads_(copies_.are_beside()) {
  if (options_.precision == "fp16" && device_.is_cpu())
    throw Error("precision: fp16 needs a GPU; say fp32 or bf16");
  if (options_.threshold != "none" && task_->name() == "classification" && task_->outputs().size() != 2)
    throw Error(
        fmt::format("threshold: {} is of two classes, or of labels, but there are {} classes ({}): leave "
                    "it out, and the class with the highest probability is predicted",
                    options_.threshold, task_->outputs().size(), fmt::join(task_->outputs(), ", ")));
}

void Trainer::begin(std::unique_ptr<Network> network, NamedTensors learnt, ModelFacts facts,
                    std::uint64_t epochs, std::uint64_t batches_per_epoch, const std::vector<double>& rates) {
  network_ = std::move(network);
  facts_ = std::move(facts);
  for (const auto& [name, tensor] : network_->buffers())
    if (!tensor.isfinite().all().item<bool>()) not_finite_.insert(name);
  optimizer_ = std::make_unique<Optimizer>(options_, each_once(std::move(learnt)), rates);
  if (options_.ema)
    average_ = std::make_unique<WeightAverage>(*options_.ema, averaged(*network_, optimizer_->parameters()));
  batches_per_epoch_ = batches_per_epoch;
  const auto per_step = static_cast<std::uint64_t>(options_.accumulate);
  course_.epochs = std::max<std::uint64_t>(1, epochs);
  course_.steps_per_epoch = std::max<std::uint64_t>(1, (batches_per_epoch + per_step - 1) / per_step);
}

Autocast::Setting Trainer::precision() const {
  return {device_.type(), half_of(options_)};
}

void Trainer::begin_batch(double weight) {
  judged_ = {}, judged_tests_ = {};
  if (joins_ranks_) weight = weight_of_all(weight);
  if (unit_ == 0) unit_ = weight;
}

void Trainer::backward(const at::Tensor& loss, double weight, std::int64_t samples,
                       const at::Tensor& metric) {
  const at::Tensor numbers =
      at::stack({loss.detach().reshape({}).to(at::kDouble), metric.reshape({}).to(at::kDouble)});
  reads_.add([this, numbers = std::make_shared<Arriving>(copies_.to_host(numbers)), weight, samples,
              batch = batches_ + 1] {
    const at::Tensor read = numbers->get();
    const double value = read[0].item<double>();
    if (!std::isfinite(value))
      throw Error(
          fmt::format("the loss is {} in epoch {}, batch {}: lower learning_rate, set clip_norm, or "
                      "check what it is given",
                      value, next_epoch() + 1, batch));
    sums_.loss += value * weight;
    sums_.weight += weight;
    sums_.samples += static_cast<std::uint64_t>(samples);
    sums_.metric += read[1].item<double>();
  });
  // So that the gradients of all parts, and of all batches of a step, are those of one mean over their
  // samples.
  const double share = weight / unit_, scale = options_.precision == "fp16" ? scale_.factor : 1;
  torch::autograd::backward({loss * (share * scale)}, {});
}

void Trainer::end_batch(double weight) {
  reads_.end_batch();
  window_weight_ += weight;
  ++batches_;
  if (++in_window_ >= options_.accumulate) take_step();
}

void Trainer::skip_batch() {
  ++batches_;
  if (in_window_ == 0) unit_ = 0;
}

void Trainer::forget_step() {
  forget_gradients();
  window_weight_ = unit_ = 0;
  in_window_ = 0;
}

void Trainer::take_step() {
  const c10::NoGradGuard no_grad;
  in_window_ = 0;
  const auto found = gradients_of_step();
  if (!found) return;
  const std::vector<at::Tensor>& gradients = *found;
  if (options_.precision == "fp16" && !scale_.unscale(gradients)) {
    ++skipped_;
    return optimizer_->forget_gradients();
  }
  if (options_.clip_norm) {
    const at::Tensor norm = clip(gradients, *options_.clip_norm);
    reads_.add_to_ended(
        [this, arriving = std::make_shared<Arriving>(copies_.to_host(norm)), batch = batches_] {
          const double value = arriving->get().item<double>();
          if (!std::isfinite(value))
            throw Error(fmt::format("the gradients' norm is {} in epoch {}, batch {}: lower learning_rate",
                                    value, next_epoch() + 1, batch));
        });
  }
  const auto step = static_cast<std::uint64_t>(optimizer_->steps());
  optimizer_->step(learning_rate(options_, course_, step), cycled_momentum(options_, course_, step));
  optimizer_->forget_gradients();
  if (average_) average_->update(optimizer_->steps() == 1);
  if (options_.empty_cache_steps > 0 && optimizer_->steps() % options_.empty_cache_steps == 0)
    empty_cache(device_);
}

void Trainer::begin_validation() {
  end_training();
  network_->train(false);
  if (average_ && !shown_) shown_.emplace(*average_);
}

LateReads::Read Trainer::adding(const at::Tensor& outputs, const at::Tensor& targets,
                                const std::vector<std::string>& slides,
                                const std::vector<std::uint64_t>& places, Said& to) {
  const auto arriving = [&](const at::Tensor& tensor) {
    return std::make_shared<Arriving>(copies_.to_host(tensor));
  };
  return [this, predicted = arriving(task_->predictions(outputs)),
          logits = options_.calibrate ? arriving(outputs.to(at::kFloat)) : nullptr, targets, slides, places,
          &to] {
    const at::Tensor predictions = predicted->get().contiguous();
    if (!predictions.isfinite().all().item<bool>())
      throw Error(
          fmt::format("the model's predictions of validation are not finite in epoch {}: lower "
                      "learning_rate, or set clip_norm",
                      next_epoch() + 1));
    if (logits) {
      const at::Tensor read = logits->get().contiguous();
      to.logits.insert(to.logits.end(), read.data_ptr<float>(), read.data_ptr<float>() + read.numel());
    }
    const std::int64_t count = predictions.size(0);
    const at::Tensor right = targets.to(at::kFloat).reshape({count, -1}).contiguous();
    const auto row_of = [](const at::Tensor& rows, std::int64_t i) {
      const float* row = rows.data_ptr<float>() + i * rows.size(1);
      return std::vector<float>(row, row + rows.size(1));
    };
    for (std::int64_t i = 0; i < count; ++i)
      to.samples.push_back(
          {slides.at(static_cast<std::size_t>(i)), row_of(right, i), row_of(predictions, i)});
    to.places.insert(to.places.end(), places.begin(), places.end());
  };
}

void Trainer::score(const at::Tensor& outputs, const at::Tensor& targets,
                    const std::vector<std::string>& slides, const std::vector<std::uint64_t>& places) {
  reads_.add(adding(outputs, targets, slides, places, scored_));
  const at::Tensor loss = task_->validation_loss(outputs, copies_.to_device(targets));
  reads_.add([this, arriving = std::make_shared<Arriving>(copies_.to_host(loss)), count = outputs.size(0)] {
    validation_loss_sum_ += arriving->get().item<double>() * static_cast<double>(count);
  });
  reads_.end_batch();
}

void Trainer::test(const at::Tensor& outputs, const at::Tensor& targets,
                   const std::vector<std::string>& slides, const std::vector<std::uint64_t>& places) {
  reads_.add(adding(outputs, targets, slides, places, tested_));
  reads_.end_batch();
}

}  // namespace flowrun::torch_nodes
