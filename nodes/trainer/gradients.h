// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/torch/network.h>

#include <cstdint>
#include <vector>

namespace flowrun::torch_nodes {

/// Gradients of parameters, of those that have one; they share its memory. What changes them is to be called
/// where no gradients are recorded.
std::vector<at::Tensor> gradients_of(const NamedTensors& parameters);

/// Scales them down to a norm of `most` all together, if it is more, as torch.nn.utils.clip_grad_norm_ does.
/// The norm that they had, a number on their device; where that is not finite, they are no gradients any
/// more.
at::Tensor clip(const std::vector<at::Tensor>& gradients, double most);

/// What the loss is multiplied by so that gradients in fp16 do not become 0 (Micikevicius et al. 2018); the
/// numbers are torch.cuda.amp.GradScaler's.
struct LossScale {
  double factor = 65536;
  std::int64_t finite_steps = 0;  ///< since it changed

  /// Divides the gradients of a step by it, and finds that of the next. False: they are not finite, and the
  /// step is to be left out.
  bool unscale(const std::vector<at::Tensor>& gradients);
};

}  // namespace flowrun::torch_nodes
