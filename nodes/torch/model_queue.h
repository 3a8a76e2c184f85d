// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <functional>
#include <memory>
#include <optional>
#include <semaphore>
#include <string>
#include <vector>

#include "copies.h"
#include "model_thread.h"

namespace flowrun::torch_nodes {

/// Batches for a model that trains no more, from any thread. On the CPU the caller computes. On a device one
/// thread gives it the batches, two at a time: while it computes with one, the next is on its way.
/// Thread-safe.
class ModelQueue {
 public:
  using Tensors = std::vector<at::Tensor>;
  explicit ModelQueue(c10::Device device);
  /// `queues` are those of what is called `device`.
  ModelQueue(std::string device, std::unique_ptr<DeviceQueues> queues);

  /// For float32 images of these sizes, which compute() takes the fastest.
  at::Tensor images(at::IntArrayRef sizes) const;
  /// Does `work` on the thread that computes: what moves a model to its device.
  void run(const std::function<void()>& work);
  /// On the host what `compute` makes, of images on the device, of those on the host. Throws what it throws;
  /// Error that names the device when that fails.
  Tensors compute(const at::Tensor& images, const std::function<Tensors(const at::Tensor&)>& compute);

 private:
  const std::string device_;
  std::optional<ModelThread> thread_;  // none on the CPU
  Copies copies_;                      // of that thread
  std::counting_semaphore<> places_{2};
};

}  // namespace flowrun::torch_nodes
