// SPDX-License-Identifier: Apache-2.0
#include "optimizer.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

#include <algorithm>

#include "nodes/torch/torch_versions.h"

namespace flowrun::torch_nodes {
namespace {

namespace optim = torch::optim;

/// Parameters that learn alike.
struct Group {
  double rate;  ///< times the learning rate
  bool decays;
  std::vector<at::Tensor> tensors{};
};

std::vector<Group> groups_of(const TrainingOptions& options, const NamedTensors& parameters,
                             const std::vector<double>& rates) {
  std::vector<Group> groups;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const at::Tensor& tensor = parameters[i].second;
    const double rate = rates.empty() ? 1 : rates[i];
    const bool decays = options.decay == "all" || tensor.dim() > 1;
    auto group = std::ranges::find_if(
        groups, [&](const Group& known) { return known.rate == rate && known.decays == decays; });
    if (group == groups.end()) group = groups.insert(groups.end(), {rate, decays});
    group->tensors.push_back(tensor);
  }
  return groups;
}

std::unique_ptr<optim::OptimizerOptions> options_of(const TrainingOptions& options, bool decays) {
  const double decay = decays ? options.weight_decay : 0;
  if (options.optimizer == "adamw")
    return std::make_unique<optim::AdamWOptions>(
        optim::AdamWOptions(options.learning_rate).weight_decay(decay));
  return std::make_unique<optim::SGDOptions>(
      optim::SGDOptions(options.learning_rate).momentum(options.momentum).weight_decay(decay));
}

std::unique_ptr<optim::Optimizer> make(const TrainingOptions& options, std::vector<Group> groups) {
  std::vector<optim::OptimizerParamGroup> of_torch;
  for (Group& group : groups)
    of_torch.emplace_back(std::move(group.tensors), options_of(options, group.decays));
  if (options.optimizer == "adamw") return std::make_unique<optim::AdamW>(std::move(of_torch));
  return std::make_unique<optim::SGD>(std::move(of_torch), optim::SGDOptions(options.learning_rate));
}

/// What torch keeps for a parameter.
auto& kept_for(optim::Optimizer& optimizer, const at::Tensor& parameter) {
  return optimizer.state()[state_key(optimizer.state(), parameter)];
}

}  // namespace

Optimizer::Optimizer(const TrainingOptions& options, NamedTensors parameters,
                     const std::vector<double>& rates)
    : parameters_(std::move(parameters)), adamw_(options.optimizer == "adamw") {
  std::vector<Group> groups = groups_of(options, parameters_, rates);
  for (const Group& group : groups) rates_.push_back(group.rate);
  of_torch_ = make(options, std::move(groups));
}

Optimizer::~Optimizer() = default;

void Optimizer::step(double learning_rate, std::optional<double> momentum) {
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    auto& group = of_torch_->param_groups()[i];
    group.options().set_lr(learning_rate * rates_[i]);
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
