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
#include <tuple>

namespace flowrun::torch_nodes {
namespace {

constexpr double second_beta = 0.999, epsilon = 1e-8;

/// Elements. Four arrays of float32 and what is computed of them stay in a core's second cache, and torch
/// does not divide an operation on them between threads.
constexpr std::int64_t piece = std::int64_t{16} << 10;
/// On a device, where to begin an operation takes longer than small tensors take: so many elements have it
/// together. More would need more memory for what is computed of them.
constexpr std::int64_t most_together = std::int64_t{16} << 20;

/// Parameters, or the same places of each, their gradients and their averages: of each there may be none.
struct Part {
  std::vector<at::Tensor> parameters, gradients, averages, squares;
};

/// Tensors of which one walk through memory meets the same places at the same time.
bool lie_alike(const at::Tensor& a, const at::Tensor& b) {
  if (!a.is_cpu() || !a.is_non_overlapping_and_dense() || !b.is_non_overlapping_and_dense()) return false;
  for (std::int64_t i = 0; i < a.dim(); ++i)
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  return true;
}

std::vector<at::Tensor> cut(const std::vector<at::Tensor>& all, std::int64_t begin, std::int64_t count) {
  std::vector<at::Tensor> cut;
  for (const at::Tensor& one : all) cut.push_back(one.as_strided({count}, {1}, one.storage_offset() + begin));
  return cut;
}

using Update = std::function<void(const Part&)>;

/// Parameters that are learnt in one way, and what is done with them.
struct Work {
  Update update;
  Part all{};
  std::int64_t elements = 0;

  /// That are done one by one.
  std::int64_t pieces() const {
    const bool can_be_cut = elements > piece && all.parameters.size() == 1 &&
                            lie_alike(all.parameters[0], all.gradients[0]) &&
                            (all.averages.empty() || lie_alike(all.parameters[0], all.averages[0])) &&
                            (all.squares.empty() || lie_alike(all.parameters[0], all.squares[0]));
    return can_be_cut ? (elements + piece - 1) / piece : 1;
  }
  void do_piece(std::int64_t i, std::int64_t of) const {
    if (of == 1) return update(all);
    const std::int64_t begin = i * piece, count = std::min(piece, elements - begin);
    update({cut(all.parameters, begin, count), cut(all.gradients, begin, count),
            cut(all.averages, begin, count), cut(all.squares, begin, count)});
  }
};

void do_all(const std::vector<Work>& all) {
  struct Piece {
    const Work* work;
    std::int64_t number, of;
  };
  std::vector<Piece> pieces;
  for (const Work& work : all)
    for (std::int64_t i = 0, count = work.pieces(); i < count; ++i) pieces.push_back({&work, i, count});
  const auto count = static_cast<std::int64_t>(pieces.size());
  // Another device has threads of its own, and its queue may be this thread's.
  const bool on_cpu = count == 0 || all.front().all.parameters.front().is_cpu();
  at::parallel_for(0, count, on_cpu ? 1 : count, [&](std::int64_t begin, std::int64_t end) {
    const c10::NoGradGuard no_grad;  // each thread has its own
    for (std::int64_t i = begin; i < end; ++i) {
      const Piece& one = pieces[static_cast<std::size_t>(i)];
      one.work->do_piece(one.number, one.of);
    }
  });
}

Update adamw(double rate, double decay, double first_beta, double steps) {
  const double size = rate / (1 - std::pow(first_beta, steps));
  const double unbias = std::sqrt(1 - std::pow(second_beta, steps));
  return [=](const Part& of) {
    if (decay != 0) at::_foreach_mul_(of.parameters, 1 - rate * decay);
    at::_foreach_mul_(of.averages, first_beta);
    at::_foreach_add_(of.averages, of.gradients, 1 - first_beta);
    at::_foreach_mul_(of.squares, second_beta);
    at::_foreach_addcmul_(of.squares, of.gradients, of.gradients, 1 - second_beta);
    const std::vector<at::Tensor> roots = at::_foreach_sqrt(of.squares);
    at::_foreach_div_(roots, unbias);
    at::_foreach_add_(roots, epsilon);
    at::_foreach_addcdiv_(of.parameters, of.averages, roots, -size);
  };
}

Update sgd(double rate, double decay, double momentum) {
  return [=](const Part& of) {
    std::vector<at::Tensor> changes = of.gradients;
    if (decay != 0) changes = at::_foreach_add(changes, of.parameters, decay);
    if (!of.averages.empty()) {
      at::_foreach_mul_(of.averages, momentum);
      at::_foreach_add_(of.averages, changes);
      changes = of.averages;
    }
    at::_foreach_add_(of.parameters, changes, -rate);
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
  std::map<std::tuple<double, double, std::int64_t>, std::size_t> last;  // of those that are learnt alike
  for (std::size_t i = 0; i < parameters_.size(); ++i) {
    const at::Tensor& parameter = parameters_[i].second;
    if (!parameter.grad().defined()) continue;
    Learnt& of = learnt_[i];
    if (!of.average.defined() && (adamw_ || momentum_ != 0)) of.average = at::zeros_like(parameter);
    if (!of.square.defined() && adamw_) of.square = at::zeros_like(parameter);
    const double rate = learning_rate * of.rate;
    const auto [found, is_first] =
        last.try_emplace({rate, of.decay, adamw_ ? ++of.steps : of.average.defined()}, all.size());
    const std::int64_t elements = parameter.numel(), most = parameter.is_cpu() ? piece : most_together;
    if (is_first || all[found->second].elements + elements > most) {
      found->second = all.size();
      all.push_back({adamw_ ? adamw(rate, of.decay, momentum_, static_cast<double>(of.steps))
                            : sgd(rate, of.decay, momentum_)});
    }
    Work& work = all[found->second];
    work.elements += elements;
    work.all.parameters.push_back(parameter);
    work.all.gradients.push_back(parameter.grad());
    if (of.average.defined()) work.all.averages.push_back(of.average);
    if (of.square.defined()) work.all.squares.push_back(of.square);
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
