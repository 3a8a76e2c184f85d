// SPDX-License-Identifier: Apache-2.0
#include "gradients.h"

#include <ATen/ATen.h>

namespace flowrun::torch_nodes {

namespace {

bool are_finite(const std::vector<at::Tensor>& gradients) {
  std::vector<at::Tensor> each;
  for (const at::Tensor& gradient : gradients) each.push_back(gradient.isfinite().all());
  return each.empty() || at::stack(each).all().item<bool>();
}

void multiply(const std::vector<at::Tensor>& gradients, double factor) {
  for (const at::Tensor& gradient : gradients) gradient.mul_(factor);
}

}  // namespace

std::vector<at::Tensor> gradients_of(const NamedTensors& parameters) {
  std::vector<at::Tensor> out;
  for (const auto& [name, parameter] : parameters)
    if (parameter.grad().defined()) out.push_back(parameter.grad());
  return out;
}

at::Tensor clip(const std::vector<at::Tensor>& gradients, double most) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& gradient : gradients) norms.push_back(gradient.norm());
  const at::Tensor norm = at::stack(norms).norm().to(at::kDouble);
  const at::Tensor factor = at::div(at::scalar_tensor(most, at::kDouble), norm + 1e-6).clamp_max_(1);
  // On a device nobody waits to know it.
  if (factor.is_cpu() && factor.item<double>() == 1) return norm;
  for (const at::Tensor& gradient : gradients) gradient.mul_(factor);
  return norm;
}

bool LossScale::unscale(const std::vector<at::Tensor>& gradients) {
  constexpr std::int64_t steps_to_grow = 2000;
  const bool finite = are_finite(gradients);
  multiply(gradients, 1 / factor);
  finite_steps = finite ? finite_steps + 1 : 0;
  if (!finite)
    factor /= 2;
  else if (finite_steps % steps_to_grow == 0)
    factor *= 2;
  return finite;
}

}  // namespace flowrun::torch_nodes
