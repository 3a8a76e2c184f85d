// SPDX-License-Identifier: Apache-2.0
// Against libtorch's own optimizers, which take whole tensors.
#include "nodes/trainer/optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>
#include <torch/optim/adamw.h>
#include <torch/optim/sgd.h>

using namespace flowrun::torch_nodes;

namespace {

constexpr double rate = 0.01;

TrainingOptions options_of(const std::string& name, double momentum) {
  TrainingOptions options;
  options.optimizer = name;
  options.learning_rate = rate;
  options.weight_decay = 0.1;
  options.momentum = momentum;
  options.decay = "all";
  return options;
}

/// Of more than one piece and not of whole ones, channels last; small; of no dimension; transposed; and one
/// that never has a gradient.
NamedTensors parameters() {
  NamedTensors all{
      {"convolution", at::arange(128 * 65 * 9, at::kFloat).sin().reshape({128, 65, 3, 3})},
      {"point", at::arange(300 * 200, at::kFloat).cos().reshape({300, 200, 1, 1})},
      {"bias", at::arange(7, at::kFloat)},
      {"scale", at::scalar_tensor(2.0)},
      {"transposed", at::arange(200 * 301, at::kFloat).sin().reshape({200, 301}).t()},
      {"unused", at::ones({5})},
  };
  all[0].second = all[0].second.contiguous(at::MemoryFormat::ChannelsLast);
  for (auto& [name, tensor] : all) tensor.requires_grad_();
  return all;
}

/// Laid out as the parameters are, or not.
void give_gradients(const NamedTensors& parameters, int step, bool alike) {
  for (const auto& [name, parameter] : parameters) {
    if (name == "unused") continue;
    const at::Tensor gradient = (parameter.detach() + step).cos();
    parameter.mutable_grad() = alike ? gradient : gradient.contiguous();
  }
}

std::vector<at::Tensor> tensors_of(const NamedTensors& parameters) {
  std::vector<at::Tensor> all;
  for (const auto& [name, tensor] : parameters) all.push_back(tensor);
  return all;
}

NamedTensors trained(const TrainingOptions& options, int steps, int threads, bool alike) {
  at::set_num_threads(threads);
  Optimizer optimizer(options, parameters());
  for (int i = 0; i < steps; ++i) {
    give_gradients(optimizer.parameters(), i, alike);
    optimizer.step(rate);
    optimizer.forget_gradients();
  }
  return optimizer.parameters();
}

NamedTensors trained_by_torch(torch::optim::Optimizer& optimizer, NamedTensors of, int steps) {
  for (int i = 0; i < steps; ++i) {
    give_gradients(of, i, true);
    optimizer.step();
  }
  return of;
}

void check_near(const NamedTensors& found, const NamedTensors& wanted) {
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    CAPTURE(wanted[i].first);
    CHECK(at::allclose(found[i].second, wanted[i].second, 1e-5, 1e-6));
  }
}

}  // namespace

TEST_CASE("steps in pieces are libtorch's, however gradients lie, and the same on any number of threads") {
  for (const auto& [name, momentum] :
       {std::pair("adamw", 0.0), std::pair("sgd", 0.8), std::pair("sgd", 0.0)}) {
    CAPTURE(name);
    CAPTURE(momentum);
    const TrainingOptions options = options_of(name, momentum);
    const NamedTensors of = parameters();
    std::unique_ptr<torch::optim::Optimizer> torchs;
    if (options.optimizer == "adamw")
      torchs = std::make_unique<torch::optim::AdamW>(tensors_of(of),
                                                     torch::optim::AdamWOptions(rate).weight_decay(0.1));
    else
      torchs = std::make_unique<torch::optim::SGD>(
          tensors_of(of), torch::optim::SGDOptions(rate).momentum(momentum).weight_decay(0.1));
    const NamedTensors wanted = trained_by_torch(*torchs, of, 50);
    const NamedTensors one = trained(options, 50, 1, true), three = trained(options, 50, 3, true);
    check_near(one, wanted);
    check_near(trained(options, 50, 2, false), wanted);
    for (std::size_t i = 0; i < one.size(); ++i) CHECK(one[i].second.equal(three[i].second));
  }
}

TEST_CASE("an optimizer goes on from its state, which is laid out anew") {
  for (const char* name : {"adamw", "sgd"}) {
    CAPTURE(name);
    const TrainingOptions options = options_of(name, 0.8);
    Optimizer first(options, parameters());
    std::map<std::string, at::Tensor> state;
    NamedTensors copies = parameters();
    for (int i = 0; i < 6; ++i) {
      if (i == 3) {
        CHECK(first.steps() == 3);
        for (const auto& [of, tensor] : first.state()) state[of] = tensor.clone(at::MemoryFormat::Contiguous);
        const c10::NoGradGuard no_grad;
        for (std::size_t p = 0; p < copies.size(); ++p) copies[p].second.copy_(first.parameters()[p].second);
      }
      give_gradients(first.parameters(), i, true);
      first.step(rate);
    }
    CHECK_FALSE(state.contains(name == std::string("adamw") ? "unused.step" : "unused.momentum_buffer"));
    Optimizer second(options, copies);
    second.restore(state, 3);
    for (int i = 3; i < 6; ++i) {
      give_gradients(second.parameters(), i, true);
      second.step(rate);
    }
    for (std::size_t i = 0; i < copies.size(); ++i) {
      CAPTURE(copies[i].first);
      CHECK(second.parameters()[i].second.equal(first.parameters()[i].second));
    }
  }
}
