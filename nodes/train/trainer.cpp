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
#include <string_view>
#include <utility>

#include "nodes/torch/autocast.h"
#include "nodes/torch/device.h"
#include "nodes/torch/resolution.h"
#include "nodes/torch/script_network.h"
#include "nodes/torch/state_dict.h"

namespace flowrun::torch_nodes {
namespace {

std::unique_ptr<Network> make(const TrainingOptions& options, std::size_t outputs) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  if (!options.model.script.empty())
    return load_script(read_script(options.model.script),
                       options.task == "regression" ? "logits" : options.output, seed);
  return make_network(options.model.text, static_cast<std::int64_t>(outputs), seed);
}

/// What is learnt: all parameters, or those of the last layer.
NamedTensors learnt(const TrainingOptions& options, const Network& network) {
  NamedTensors out;
  if (options.freeze_backbone && network.head().empty())
    throw Error(fmt::format("freeze_backbone needs a model with a known last layer; {} has none",
                            options.model.text));
  for (auto& [name, tensor] : network.parameters()) {
    const bool learns = !options.freeze_backbone || name.starts_with(network.head());
    tensor.set_requires_grad(learns);
    if (learns) out.emplace_back(name, tensor);
  }
  return out;
}

std::optional<c10::ScalarType> half_of(const TrainingOptions& options) {
  if (options.precision == "fp16") return at::kHalf;
  if (options.precision == "bf16") return at::kBFloat16;
  return {};
}

/// Of batch normalisation: of ours, and of PyTorch's in a module.
bool is_of_one_value(const std::exception& problem) {
  return std::string_view(problem.what()).find("more than 1 value per channel") != std::string_view::npos;
}

}  // namespace

Trainer::Trainer(TrainingOptions options, std::unique_ptr<const Task> task, const Batch& first)
    : options_(std::move(options)),
      task_(std::move(task)),
      device_(choose_device(options_.device)),
      network_(make(options_, task_->outputs().size())) {
  const bool ours = options_.model.script.empty();
  facts_ = {ours ? options_.model.text : script_architecture,
            task_->outputs(),
            first.images.size(3),
            first.images.size(2),
            first.mean,
            first.std,
            ours || task_->name() != "classification" ? "logits" : options_.output,
            task_->name(),
            mpp_of(first)};
  if (options_.precision == "fp16" && device_.is_cpu())
    throw Error("precision: fp16 needs a GPU; say fp32 or bf16");
  load_weights_of_options();
  for (const auto& [name, tensor] : network_->buffers())
    if (!tensor.isfinite().all().item<bool>()) not_finite_.insert(name);
  network_->to(device_);
  if (options_.channels_last)
    for (auto& [name, tensor] : network_->parameters())
      if (tensor.dim() == 4) tensor.set_data(tensor.contiguous(at::MemoryFormat::ChannelsLast));
  if (options_.checkpointing && !network_->checkpoint_blocks(true))
    throw Error(
        fmt::format("checkpointing needs a model with known blocks; {} has none", options_.model.text));
  optimizer_ = std::make_unique<Optimizer>(options_, learnt(options_, *network_));
  const auto per_step = static_cast<std::uint64_t>(options_.accumulate);
  course_.epochs = std::max<std::uint64_t>(1, first.epochs);
  course_.steps_per_epoch = std::max<std::uint64_t>(1, (first.training_batches + per_step - 1) / per_step);
}

void Trainer::load_weights_of_options() {
  if (!options_.weights) return;
  const Head head = load_weights(*network_, *options_.weights);
  if (head == Head::loaded) return;
  notes_.push_back(fmt::format("{} {}: the last layer begins with random weights", options_.weights->string(),
                               head == Head::missing ? "has no last layer" : "is of other classes"));
}

void Trainer::check(const Batch& batch) const {
  if (batch.images.dim() != 4 || batch.images.size(1) != 3 || batch.images.size(0) == 0)
    throw Error("a batch has no images of three colours");
  if (batch.images.size(2) != facts_.height || batch.images.size(3) != facts_.width)
    throw Error(fmt::format("images are {} x {} pixels, but the first were {} x {}; give all one size",
                            batch.images.size(3), batch.images.size(2), facts_.width, facts_.height));
}

void Trainer::take(const Batch& batch) {
  check(batch);
  if (const auto mpp = mpp_of(batch);
      facts_.mpp && (!mpp || std::abs(*mpp / *facts_.mpp - 1) > usual_mpp_tolerance))
    facts_.mpp.reset();  // samples of several resolutions
  const at::Tensor targets = task_->targets(batch);
  batch.validation ? validate(batch, targets) : train(batch.images, targets);
}

at::Tensor Trainer::on_device(const at::Tensor& tensor, bool images) const {
  // From pinned memory the copy runs beside what the device computes.
  at::Tensor out = tensor.to(device_, tensor.scalar_type(), /*non_blocking=*/true);
  return images && options_.channels_last ? out.contiguous(at::MemoryFormat::ChannelsLast) : out;
}

/// Adds the gradients of the mean loss, times `share`.
void Trainer::backward(const at::Tensor& images, const at::Tensor& targets, double share) {
  at::Tensor outputs, loss;
  {
    const Autocast precision({device_.type(), half_of(options_)});
    outputs = network_->forward(images);
  }
  if (outputs.dim() != 2 || outputs.size(1) != static_cast<std::int64_t>(task_->outputs().size()))
    throw Error(fmt::format("{} gives {} numbers an image, but there are {} {}", options_.model.text,
                            outputs.dim() == 2 ? outputs.size(1) : 0, task_->outputs().size(),
                            task_->outputs_are()));
  loss = task_->loss(outputs, targets);
  const double value = loss.detach().item<double>();
  if (!std::isfinite(value))
    throw Error(
        fmt::format("the loss is {} in epoch {}, batch {}: lower learning_rate, set clip_norm, or "
                    "check the images",
                    value, next_epoch() + 1, batches_ + 1));
  const double scale = options_.precision == "fp16" ? scale_.factor : 1;
  torch::autograd::backward({loss * (share * scale)}, {});
  const double weight = task_->weight(targets);
  sums_.loss += value * weight;
  sums_.weight += weight;
  sums_.samples += static_cast<std::uint64_t>(images.size(0));
  sums_.metric += task_->training_sum(outputs.detach(), targets);
}

void Trainer::train(const at::Tensor& images, const at::Tensor& targets) {
  network_->train(!options_.freeze_backbone);  // or else running statistics would move
  const double weight = task_->weight(on_device(targets, false));
  std::vector<std::pair<at::Tensor, at::Tensor>> statistics;  // of layers before one that refuses the batch
  if (images.size(0) == 1)
    for (const auto& [name, tensor] : network_->buffers()) statistics.emplace_back(tensor, tensor.clone());
  while (weight > 0) {
    const Sums before = sums_;
    try {
      backward_in_parts(images, targets, weight);
      break;
    } catch (const std::exception& problem) {
      if (is_of_one_value(problem) && !statistics.empty()) {
        for (auto& [now, then] : statistics) now.copy_(then);
        return leave_out();
      }
      if (!is_out_of_memory(problem)) throw;
      sums_ = before;
      split_after(problem, images, targets);
    }
  }
  window_weight_ += weight;
  ++batches_;
  if (++in_window_ >= options_.accumulate) take_step();
}

/// Of one image, which batch normalisation cannot take.
void Trainer::leave_out() {
  ++batches_;
  if (in_window_ == 0) unit_ = 0;
  if (!std::exchange(left_out_, true))
    notes_.push_back(fmt::format(
        "batches of one image of {} x {} pixels are left out: batch normalisation has one value a "
        "channel, and no variance of it; set another `batch`, or drop_last",
        facts_.width, facts_.height));
}

void Trainer::take_step() {
  const c10::NoGradGuard no_grad;
  in_window_ = 0;
  const double weight = std::exchange(window_weight_, 0), unit = std::exchange(unit_, 0);
  if (weight == 0) return;  // all of targets that weigh nothing
  const std::vector<at::Tensor> gradients = gradients_of(optimizer_->parameters());
  if (unit != weight)
    for (const at::Tensor& gradient : gradients) gradient.mul_(unit / weight);
  if (options_.precision == "fp16" && !scale_.unscale(gradients)) {
    ++skipped_;
    return optimizer_->forget_gradients();
  }
  if (options_.clip_norm) {
    const double norm = clip(gradients, *options_.clip_norm);
    if (!std::isfinite(norm))
      throw Error(fmt::format("the gradients' norm is {} in epoch {}, batch {}: lower learning_rate", norm,
                              next_epoch() + 1, batches_));
  }
  {
    const c10::AutoGradMode as_it_was(true);
    const auto step = static_cast<std::uint64_t>(optimizer_->steps());
    optimizer_->step(learning_rate(options_, course_, step), cycled_momentum(options_, course_, step));
  }
  optimizer_->forget_gradients();
  if (options_.empty_cache_steps > 0 && optimizer_->steps() % options_.empty_cache_steps == 0)
    empty_cache(device_);
}

void Trainer::validate(const Batch& batch, const at::Tensor& targets) {
  if (in_window_ > 0) take_step();
  const c10::NoGradGuard no_grad;
  network_->train(false);
  at::Tensor outputs;
  {
    const Autocast precision({device_.type(), half_of(options_)});
    outputs = network_->forward(on_device(batch.images, true));
  }
  const std::int64_t count = batch.images.size(0);
  validation_loss_sum_ +=
      task_->validation_loss(outputs, on_device(targets, false)).item<double>() * static_cast<double>(count);
  const at::Tensor predictions = task_->predictions(outputs).to(at::kCPU).contiguous();
  if (!predictions.isfinite().all().item<bool>())
    throw Error(
        fmt::format("the model's predictions of validation are not finite in epoch {}: lower learning_rate, "
                    "or set clip_norm",
                    next_epoch() + 1));
  const at::Tensor right = targets.to(at::kFloat).reshape({count, -1}).contiguous();
  const auto row_of = [](const at::Tensor& rows, std::int64_t i) {
    const float* row = rows.data_ptr<float>() + i * rows.size(1);
    return std::vector<float>(row, row + rows.size(1));
  };
  for (std::int64_t i = 0; i < count; ++i)
    scored_.push_back({i < static_cast<std::int64_t>(batch.samples.size())
                           ? batch.samples[static_cast<std::size_t>(i)].slide
                           : std::string(),
                       row_of(right, i), row_of(predictions, i)});
}

}  // namespace flowrun::torch_nodes
