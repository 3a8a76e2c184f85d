// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "nodes/torch/copies.h"
#include "nodes/torch/random_source.h"
#include "task.h"

namespace flowrun::torch_nodes {

/// How the samples of a batch are mixed (Zhang et al. 2018, mixup): each is `share` of itself and the rest of
/// another one.
struct Mixing {
  double share = 1;
  at::Tensor others;  ///< int64, by sample: a permutation; undefined: nothing is mixed

  /// The share from Beta(alpha, alpha), one for the batch, then the permutation.
  static Mixing drawn(double alpha, std::int64_t samples, const RandomSource& random);
  /// Rows of `own`, float, each mixed with another.
  at::Tensor mixed(const at::Tensor& own) const;
};

/// What samples are to be learnt as: where the task tells things apart, partly as what they are and partly as
/// what the other one is; where targets are numbers, these are mixed.
class MixedTargets {
 public:
  MixedTargets(const Task& task, const at::Tensor& targets, const Mixing& mixing);

  /// Of some of the samples, on the device.
  MixedTargets part(std::int64_t from, std::int64_t count, Copies& copies) const;
  /// As Task has them of targets that are not mixed.
  at::Tensor loss(const Task& task, const at::Tensor& outputs) const;
  double weight(const Task& task) const;
  at::Tensor training_sum(const Task& task, const at::Tensor& outputs) const;

 private:
  MixedTargets() = default;

  at::Tensor own_, others_;              // on the CPU; others undefined: there are none
  at::Tensor own_there_, others_there_;  // on the device; undefined but of a part
  double share_ = 1;
};

}  // namespace flowrun::torch_nodes
