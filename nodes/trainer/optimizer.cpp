// SPDX-License-Identifier: Apache-2.0
#include "optimizer.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace flowrun::torch_nodes {
namespace {

constexpr double second_beta = 0.999, epsilon = 1e-8;

/// Elements. Four arrays of float32 and what is computed of them stay in a core's second cache, and torch
/// does not divide an operation on them between threads.
constexpr std::int64_t piece = std::int64_t{16} << 10;

/// The same places of a parameter, its gradient and its averages, which may be undefined.
struct Piece {
  at::Tensor parameter, gradient, average, square;
};

/// Tensors of which one walk through memory meets the same places at the same time.
bool lie_alike(const at::Tensor& a, const at::Tensor& b) {
  if (!a.is_cpu() || !a.is_non_overlapping_and_dense() || !b.is_non_overlapping_and_dense()) return false;
  for (std::int64_t i = 0; i < a.dim(); ++i)
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  return true;
}

at::Tensor part_of(const at::Tensor& all, std::int64_t begin, std::int64_t count) {
  return all.defined() ? all.as_strided({count}, {1}, all.storage_offset() + begin) : all;
}

using Update = std::function<void(const Piece&)>;

/// One parameter's, and what is done with each piece of it.
struct Work {
  Piece all;
  Update update;
  std::int64_t pieces;
};

Work work_of(Piece all, Update update) {
  const bool alike = lie_alike(all.parameter, all.gradient) &&
                     (!all.average.defined() || lie_alike(all.parameter, all.average)) &&
                     (!all.square.defined() || lie_alike(all.parameter, all.square));
  const std::int64_t pieces = alike ? (all.parameter.numel() + piece - 1) / piece : 1;
  return {std::move(all), std::move(update), pieces};
}

void do_piece(const Work& work, std::int64_t i) {
  const auto& [parameter, gradient, average, square] = work.all;
  if (work.pieces == 1) return work.update(work.all);
  const std::int64_t begin = i * piece, count = std::min(piece, parameter.numel() - begin);
  work.update({part_of(parameter, begin, count), part_of(gradient, begin, count),
               part_of(average, begin, count), part_of(square, begin, count)});
}

void do_all(const std::vector<Work>& all) {
  std::vector<std::pair<const Work*, std::int64_t>> pieces;
  for (const Work& work : all)
    for (std::int64_t i = 0; i < work.pieces; ++i) pieces.emplace_back(&work, i);
  const auto count = static_cast<std::int64_t>(pieces.size());
  // Another device has threads of its own, and its queue may be this thread's.
  const bool on_cpu = count == 0 || all.front().all.parameter.is_cpu();
  at::parallel_for(0, count, on_cpu ? 1 : count, [&](std::int64_t begin, std::int64_t end) {
    const c10::NoGradGuard no_grad;  // each thread has its own
    for (std::int64_t i = begin; i < end; ++i) {
      const auto& [work, number] = pieces[static_cast<std::size_t>(i)];
      do_piece(*work, number);
    }
  });
}

Update adamw(double rate, double decay, double first_beta, double steps) {
  const double size = rate / (1 - std::pow(first_beta, steps));
  const double unbias = std::sqrt(1 - std::pow(second_beta, steps));
  return [=](const Piece& of) {
    if (decay != 0) of.parameter.mul_(1 - rate * decay);
    of.average.mul_(first_beta).add_(of.gradient, 1 - first_beta);
    of.square.mul_(second_beta).addcmul_(of.gradient, of.gradient, 1 - second_beta);
    of.parameter.addcdiv_(of.average, of.square.sqrt().div_(unbias).add_(epsilon), -size);
  };
}

Update sgd(double rate, double decay, double momentum) {
  return [=](const Piece& of) {
    at::Tensor change = decay != 0 ? of.gradient.add(of.parameter, decay) : of.gradient;
    if (of.average.defined()) change = of.average.mul_(momentum).add_(change);
    of.parameter.add_(change, -rate);
  };
}

}  // namespace

Optimizer::Optimizer(const TrainingOptions& options, NamedTensors parameters,
                     const std::vector<double>& rates)
    : parameters_(std::move(parameters)),
      adamw_(options.optimizer == "adamw"),
      momentum_(adamw_ ? 0.9 : options.momentum) {
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const bool decays = options.decay == "all" || parameters_[i].second.dim() > 1;
    learnt_.push_back({rates.empty() ? 1 : rates[i], decays ? options.weight_decay : 0});
  }
}

void Optimizer::step(double learning_rate, std::optional<double> momentum) {
  const c10::NoGradGuard no_grad;
  momentum_ = momentum.value_or(momentum_);
  std::vector<Work> all;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& parameter = parameters_[i].second;
    if (!parameter.grad().defined()) continue;
    Learnt& of = learnt_[i];
    if (!of.average.defined() && (adamw_ || momentum_ != 0)) of.average = at::zeros_like(parameter);
    if (!of.square.defined() && adamw_) of.square = at::zeros_like(parameter);
    const double rate = learning_rate * of.rate;
    all.push_back(work_of({parameter, parameter.grad(), of.average, of.square},
                          adamw_ ? adamw(rate, of.decay, momentum_, static_cast<double>(++of.steps))
                                 : sgd(rate, of.decay, momentum_)));
  }
  do_all(all);
  ++steps_;
}

void Optimizer::forget_gradients() {
  for (auto& [name, tensor] : parameters_) tensor.mutable_grad() = at::Tensor();
}

NamedTensors Optimizer::state() const {
  NamedTensors out;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const Learnt& of = learnt_[i];
    const std::string& name = parameters_[i].first;
    if (!of.average.defined()) continue;
    if (adamw_) {
      out.emplace_back(name + ".step", at::scalar_tensor(of.steps, at::kLong));
      out.emplace_back(name + ".exp_avg", of.average);
      out.emplace_back(name + ".exp_avg_sq", of.square);
    } else {
      out.emplace_back(name + ".momentum_buffer", of.average);
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
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const auto& [name, tensor] = parameters_[i];
    Learnt& of = learnt_[i];
    if (adamw_ && state.contains(name + ".step")) {
      of.steps = state.at(name + ".step").item<std::int64_t>();
      of.average = get(name + ".exp_avg", tensor);
      of.square = get(name + ".exp_avg_sq", tensor);
    } else if (!adamw_ && state.contains(name + ".momentum_buffer")) {
      of.average = get(name + ".momentum_buffer", tensor);
    }
  }
}

}  // namespace flowrun::torch_nodes
