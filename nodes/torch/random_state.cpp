// SPDX-License-Identifier: Apache-2.0
#include "random_state.h"

#include <ATen/Context.h>
#include <ATen/core/Generator.h>

#include <mutex>

namespace flowrun::torch_nodes {
namespace {

at::Generator generator(c10::Device device) {
  return at::globalContext().defaultGenerator(device);
}

at::Tensor state_of(at::Generator generator) {
  std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

void set_state(at::Generator generator, const at::Tensor& state) {
  std::scoped_lock lock(generator.mutex());
  generator.set_state(state);
}

}  // namespace

RandomState RandomState::now(c10::Device device) {
  RandomState state;
  state.cpu = state_of(generator(at::kCPU));
  if (!device.is_cpu()) state.device = state_of(generator(device));
  return state;
}

void RandomState::restore(c10::Device device) const {
  set_state(generator(at::kCPU), cpu);
  if (this->device.defined()) set_state(generator(device), this->device);
}

}  // namespace flowrun::torch_nodes
