// SPDX-License-Identifier: Apache-2.0
#include "weight_average.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

namespace flowrun::torch_nodes {

WeightAverage::WeightAverage(double decay, const NamedTensors& weights) : decay_(decay) {
  for (const auto& [name, tensor] : weights) {
    if (!tensor.is_floating_point()) continue;
    weights_.emplace_back(name, tensor);
    aside_.emplace_back(name, tensor.detach().clone());
  }
}

void WeightAverage::update(bool is_first) {
  const c10::NoGradGuard no_grad;
  for (std::size_t i = 0; i < weights_.size(); ++i)
    is_first ? aside_[i].second.copy_(weights_[i].second)
             : aside_[i].second.lerp_(weights_[i].second, 1 - decay_);
}

/// What holds the network's tensors, as the optimizer does, keeps holding them: only their memory is another.
void WeightAverage::exchange() {
  for (std::size_t i = 0; i < weights_.size(); ++i) {
    at::Tensor now = weights_[i].second.detach();
    weights_[i].second.set_data(aside_[i].second);
    aside_[i].second = std::move(now);
  }
}

void WeightAverage::restore_aside(const std::map<std::string, at::Tensor>& tensors) {
  const c10::NoGradGuard no_grad;
  for (auto& [name, tensor] : aside_) {
    const auto found = tensors.find(name);
    if (found == tensors.end() || found->second.sizes() != tensor.sizes())
      throw Error(fmt::format("of its weights {} is missing or of another shape", name));
    tensor.copy_(found->second);
  }
}

}  // namespace flowrun::torch_nodes
