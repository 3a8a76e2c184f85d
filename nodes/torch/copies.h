// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "device_queues.h"

namespace flowrun::torch_nodes {

/// A tensor that is on its way to the host.
class Arriving {
 public:
  /// On the host; waits for it. Throws Error that names the device when that fails. From any thread.
  at::Tensor get() const;

 private:
  friend class Copies;
  at::Tensor tensor_;
  std::shared_ptr<DeviceQueues> queues_;  // null: it is there
  std::unique_ptr<DeviceQueues::Point> made_;
  std::string device_;
};

/// Tensors on their way between the host and the device that a model computes on, while it computes. On the
/// CPU there is no way: tensors are what they were. For the thread that computes.
class Copies {
 public:
  explicit Copies(c10::Device device);
  /// `queues` are those of what is called `device`.
  Copies(std::string device, std::unique_ptr<DeviceQueues> queues);

  /// The host goes on before the device has done what it was given.
  bool are_beside() const { return queues_ != nullptr; }
  /// What is computed with it on this thread waits for it, the host does not. Throws Error that names the
  /// device when that fails; memory that is not enough as libtorch says it.
  at::Tensor to_device(const at::Tensor& host);
  /// Of what was computed on this thread.
  Arriving to_host(const at::Tensor& there);

 private:
  void forget_arrived();

  struct Coming {
    at::Tensor pinned;
    std::unique_ptr<DeviceQueues::Point> there;
  };
  std::string device_;
  std::shared_ptr<DeviceQueues> queues_;  // null: the CPU
  std::deque<Coming> coming_;             // whose memory the device still reads
};

}  // namespace flowrun::torch_nodes
