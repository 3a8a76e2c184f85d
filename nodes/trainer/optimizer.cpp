// SPDX-License-Identifier: Apache-2.0
#include "optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include "nodes/torch/torch_versions.h"

namespace flowrun::torch_nodes {
namespace {

namespace optim = torch::optim;

std::unique_ptr<optim::Optimizer> make(const TrainingOptions& options, std::vector<at::Tensor> parameters) {
  if (options.optimizer == "adamw")
    return std::make_unique<optim::AdamW>(
        std::move(parameters), optim::AdamWOptions(options.learning_rate).weight_decay(options.weight_decay));
  return std::make_unique<optim::SGD>(
      std::move(parameters),
      optim::SGDOptions(options.learning_rate).momentum(options.momentum).weight_decay(options.weight_decay));
}

/// What torch keeps for a parameter.
auto& kept_for(optim::Optimizer& optimizer, const at::Tensor& parameter) {
  return optimizer.state()[state_key(optimizer.state(), parameter)];
}

}  // namespace

Optimizer::Optimizer(const TrainingOptions& options, NamedTensors parameters)
    : parameters_(std::move(parameters)), adamw_(options.optimizer == "adamw") {
  std::vector<at::Tensor> tensors;
  for (const auto& [name, tensor] : parameters_) tensors.push_back(tensor);
  of_torch_ = make(options, std::move(tensors));
}

Optimizer::~Optimizer() = default;

void Optimizer::step(double learning_rate, std::optional<double> momentum) {
  for (auto& group : of_torch_->param_groups()) {
    group.options().set_lr(learning_rate);
    if (!momentum) continue;
    if (adamw_) {
      auto& options = static_cast<optim::AdamWOptions&>(group.options());
      options.betas({*momentum, std::get<1>(options.betas())});
    } else {
      static_cast<optim::SGDOptions&>(group.options()).momentum(*momentum);
    }
  }
  of_torch_->step();
  ++steps_;
}

void Optimizer::forget_gradients() {
  for (auto& [name, tensor] : parameters_) tensor.mutable_grad() = at::Tensor();
}

NamedTensors Optimizer::state() const {
  NamedTensors out;
  if (steps_ == 0) return out;
  for (const auto& [name, tensor] : parameters_) {
    const auto& kept = kept_for(*of_torch_, tensor);
    if (!kept) continue;
    if (adamw_) {
      const auto& state = static_cast<const optim::AdamWParamState&>(*kept);
      out.emplace_back(name + ".step", at::scalar_tensor(state.step(), at::kLong));
      out.emplace_back(name + ".exp_avg", state.exp_avg());
      out.emplace_back(name + ".exp_avg_sq", state.exp_avg_sq());
    } else if (const auto& buffer = static_cast<const optim::SGDParamState&>(*kept).momentum_buffer();
               buffer.defined()) {
      out.emplace_back(name + ".momentum_buffer", buffer);
    }
  }
  return out;
}

void Optimizer::restore(const std::map<std::string, at::Tensor>& state, std::int64_t steps) {
  const auto get = [&](const std::string& name, const at::Tensor& like) {
    const auto found = state.find(name);
    if (found == state.end() || found->second.sizes() != like.sizes())
      throw Error(fmt::format("its optimizer does not fit: {} is missing or of another shape", name));
    return at::zeros_like(like).copy_(found->second);
  };
  steps_ = steps;
  if (steps == 0) return;
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : parameters_) {
    // What never had a gradient has no state.
    if (adamw_ && state.contains(name + ".step")) {
      auto kept = std::make_unique<optim::AdamWParamState>();
      kept->step(state.at(name + ".step").item<std::int64_t>());
      kept->exp_avg(get(name + ".exp_avg", tensor));
      kept->exp_avg_sq(get(name + ".exp_avg_sq", tensor));
      kept_for(*of_torch_, tensor) = std::move(kept);
    } else if (!adamw_ && state.contains(name + ".momentum_buffer")) {
      auto kept = std::make_unique<optim::SGDParamState>();
      kept->momentum_buffer(get(name + ".momentum_buffer", tensor));
      kept_for(*of_torch_, tensor) = std::move(kept);
    }
  }
}

}  // namespace flowrun::torch_nodes
