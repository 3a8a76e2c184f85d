// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace flowrun::torch_nodes {

class Ranks;

/// Batch normalisation while several ranks train: with the mean and variance of the samples of all, as one
/// process would have them, and gradients that know it. All ranks compute the same layers in the same order,
/// each with samples of its own.
struct JointBatchNorm {
  std::shared_ptr<Ranks> ranks;
  double momentum, epsilon;

  /// `x`: samples x channels x ...; `weight` and `bias` by channel. `mean` and `variance`, if defined, are
  /// running statistics, which follow those of this batch. Throws Error when all ranks together have one
  /// value a channel.
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                        const at::Tensor& mean, const at::Tensor& variance) const;
};

}  // namespace flowrun::torch_nodes
