// SPDX-License-Identifier: Apache-2.0
// Train::plan: whether options fit, and what a training takes.
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nodes/torch/batch_shape.h"
#include "nodes/torch/device.h"
#include "nodes/torch/script_network.h"
#include "nodes/torch/script_output.h"
#include "nodes/torch/state_dict.h"
#include "nodes/torch/tensor_memory.h"
#include "nodes/trainer/task_kind.h"
#include "step_memory.h"
#include "train.h"

namespace flowrun::torch_nodes {

namespace fs = std::filesystem;

void Train::check_options() const {
  check_task(*this);
  if (output == "probabilities" && task != "classification")
    throw OptionError("output", fmt::format("task: {} takes the numbers of a module as they are", task),
                      "logits");
  if (!model.script.empty() && !fs::is_regular_file(model.script))
    throw OptionError(
        "model", fmt::format("no network is known as '{}', and there is no such file", model.text),
        fmt::format("one of {}, or the path of a TorchScript module", fmt::join(architectures(), ", ")));
  if (layer_decay < 1 && !model.script.empty())
    throw OptionError("layer_decay", "the blocks of a TorchScript module are not known",
                      fmt::format("1, or model: one of {}", fmt::join(architectures(), ", ")));
  if (layer_decay < 1 && freeze_backbone)
    throw OptionError("layer_decay", "freeze_backbone lets the last layer learn only",
                      "1, or no freeze_backbone");
  if (constexpr double least = 0.05; mixup > 0 && mixup < least)
    throw OptionError("mixup", fmt::format("so near to 0 as {} hardly any image is mixed", mixup),
                      fmt::format("0, or {} or more", least));
  if (weights && !fs::is_regular_file(*weights))
    throw OptionError("weights", fmt::format("there is no file {}", weights->string()));
  try {
    choose_device(device);
  } catch (const Error& problem) {
    throw OptionError("device", problem.what());
  }
}

std::unique_ptr<Network> Train::planned_network() const {
  std::unique_ptr<Network> network;
  try {
    if (model.script.empty()) {
      network = make_network(model.text, 2);
    } else {
      const ScriptFile script = read_script(model.script);
      if (task == "multilabel" && output == "auto" && output_by_code(script) == "probabilities")
        throw Error(
            fmt::format("{} ends in softmax, which lets an image have one label only: leave it out, or "
                        "say output: logits",
                        model.text));
      network = load_script(script, task == "regression" ? "logits" : output);
    }
  } catch (const Error& problem) {
    throw OptionError("model", problem.what());
  }
  if (weights) try {
      load_weights(*network, *weights);
    } catch (const Error& problem) {
      throw OptionError("weights", problem.what());
    }
  return network;
}

/// Of steps with images as the batches have them; nothing where the model cannot do them, which is told when
/// it is to.
std::optional<StepMemory> Train::measured(Network& network, std::int64_t side) const {
  std::optional<StepMemory> step;
  try {
    const ModelThreads share(model_threads());
    std::int64_t outputs = 2;
    if (!model.script.empty()) {
      const c10::NoGradGuard no_grad;
      network.train(false);
      outputs = network.forward(at::zeros({1, 3, side, side})).size(1);
    }
    step = measure_step(*this, outputs, side);
  } catch (const std::exception&) {
  }
  release_tensor_memory();
  return step;
}

/// What the optimizer keeps: two numbers a weight for adamw, one for sgd.
std::size_t Train::bytes_of_optimizer() const {
  return (optimizer == "adamw" ? 2 : 1) * planned_->weights;
}

/// Whatever the batches: weights, gradients, and what goes on beside them.
std::size_t Train::bytes_of_weights() const {
  return 2 * planned_->weights + bytes_of_optimizer() + (ema ? planned_->weights : 0);
}

/// With batches of so many images, on the CPU.
std::size_t Train::bytes_of_training(std::int64_t images) const {
  const std::size_t weights = planned_->weights, kept = bytes_of_optimizer();
  const std::size_t average = ema ? weights : 0;
  if (!planned_->step) return bytes_of_weights();
  const std::size_t of_optimizer = freeze_backbone ? 0 : kept;
  // Gradients come while activations go, unless earlier batches left some.
  const std::size_t later = accumulate == 1 && !freeze_backbone ? weights : 0;
  const StepMemory& step = *planned_->step;
  const std::size_t of_step = std::max(step.fixed, step.fixed - std::min(step.fixed, later) +
                                                       static_cast<std::size_t>(images) * step.per_image);
  const std::size_t training = with_surroundings(of_step + of_optimizer);
  // What a training goes on from is read beside what it is read into.
  return std::max(training, 2 * (weights + kept + average));
}

void Train::plan(Costs& costs) {
  threads_of_run_ = static_cast<int>(costs.threads);
  passes_on_ = costs.wanted("model");
  const auto shape = shape_of_batches(costs, "batch");
  if (!planned_) {  // it is asked again when batches are too large
    check_options();
    check_passes_one(static_cast<std::uint64_t>(costs.told("batch", wsi::told_folds).value_or(0)));
    if (mixup > 0 && shape && shape->images == 1)
      throw OptionError("mixup", "batches of one image have no other one to mix it with",
                        "0, or to_tensor with a batch of 2 or more");
    const auto network = planned_network();
    Planned planned;
    for (const auto& [name, tensor] : network->parameters()) planned.weights += tensor.nbytes();
    if (const at::Tensor code = network->code(); code.defined()) planned.code = code.nbytes();
    if (shape) planned.step = measured(*network, shape->side);
    planned_ = planned;
  }
  costs.on_device = costs_on(choose_device(device));
  if (costs.on_device) {
    const StepMemory unknown{bytes_of_weights() - bytes_of_optimizer(), 0};
    add_training(planned_->step.value_or(unknown), freeze_backbone ? 0 : bytes_of_optimizer(),
                 shape.value_or(BatchShape{}), *costs.on_device);
  }
  // On a device, what is written to files and read from them passes through the host's memory.
  costs.keeps_for_run =
      planned_->code + (costs.on_device ? bytes_of_weights() : bytes_of_training(shape ? shape->images : 0));
  if (mixup > 0 && !planned_->step) costs.keeps_for_run += costs.in("batch");  // where it is mixed
  costs.out("model", planned_->weights + planned_->code);
}

}  // namespace flowrun::torch_nodes
