// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

namespace flowrun::torch_nodes {

/// Where torch's default generators stand: the CPU's, and the device's if it is another.
struct RandomState {
  at::Tensor cpu, device;  // bytes; `device` undefined on the CPU

  static RandomState now(c10::Device device);
  void restore(c10::Device device) const;
};

/// Puts the generators back where they stood at another time, until it goes out of scope.
class RestoredRandomState {
 public:
  RestoredRandomState(const RandomState& to, c10::Device device)
      : device_(device), before_(RandomState::now(device)) {
    to.restore(device);
  }
  ~RestoredRandomState() { before_.restore(device_); }
  RestoredRandomState(const RestoredRandomState&) = delete;

 private:
  c10::Device device_;
  RandomState before_;
};

}  // namespace flowrun::torch_nodes
