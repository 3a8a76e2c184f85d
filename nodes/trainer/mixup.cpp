// SPDX-License-Identifier: Apache-2.0
#include "mixup.h"

#include <ATen/ATen.h>

namespace flowrun::torch_nodes {

Mixing Mixing::drawn(double alpha, std::int64_t samples, const RandomSource& random) {
  const at::Generator generator = random.on(at::kCPU);
  // Dirichlet's distribution of two numbers is Beta's; below, doubles do not become 0 of both.
  const at::Tensor shares = at::_sample_dirichlet(at::full({2}, alpha, at::kDouble), generator);
  Mixing out;
  out.share = shares[0].item<double>();
  out.others = at::randperm(samples, generator, at::kLong);
  return out;
}

at::Tensor Mixing::mixed(const at::Tensor& own) const {
  if (!others.defined()) return own;
  return own.index_select(0, others).lerp_(own, share);
}

MixedTargets::MixedTargets(const Task& task, const at::Tensor& targets, const Mixing& mixing) {
  if (task.name() == "regression") {
    own_ = mixing.mixed(targets);
    return;
  }
  own_ = targets;
  if (mixing.others.defined()) others_ = targets.index_select(0, mixing.others);
  share_ = mixing.share;
}

MixedTargets MixedTargets::part(std::int64_t from, std::int64_t count, Copies& copies) const {
  MixedTargets out;
  out.share_ = share_;
  out.own_ = own_.narrow(0, from, count);
  out.own_there_ = copies.to_device(out.own_);
  if (!others_.defined()) return out;
  out.others_ = others_.narrow(0, from, count);
  out.others_there_ = copies.to_device(out.others_);
  return out;
}

double MixedTargets::weight(const Task& task) const {
  const double own = task.weight(own_);
  return others_.defined() ? share_ * own + (1 - share_) * task.weight(others_) : own;
}

/// The mean over samples by what both targets weigh: as if each sample were there twice, with its share and
/// with the rest.
at::Tensor MixedTargets::loss(const Task& task, const at::Tensor& outputs) const {
  if (!others_.defined()) return task.loss(outputs, own_there_);
  const double own = share_ * task.weight(own_), rest = (1 - share_) * task.weight(others_);
  at::Tensor sum;
  const auto add = [&](double weight, const at::Tensor& targets) {
    if (weight == 0) return;  // a mean over nothing is no number
    const at::Tensor one = task.loss(outputs, targets) * (weight / (own + rest));
    sum = sum.defined() ? sum + one : one;
  };
  add(own, own_there_);
  add(rest, others_there_);
  return sum;
}

at::Tensor MixedTargets::training_sum(const Task& task, const at::Tensor& outputs) const {
  const auto sum_of = [&](const at::Tensor& targets) {
    return task.training_sum(outputs, targets).to(at::kDouble);  // or else counts would become float32
  };
  const at::Tensor own = sum_of(own_there_);
  return others_.defined() ? share_ * own + (1 - share_) * sum_of(others_there_) : own;
}

}  // namespace flowrun::torch_nodes
