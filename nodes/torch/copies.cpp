// SPDX-License-Identifier: Apache-2.0
#include "copies.h"

#include <ATen/ATen.h>

#include "device.h"

namespace flowrun::torch_nodes {

at::Tensor Arriving::get() const {
  if (!queues_) return tensor_;
  return naming(device_, [&] { return queues_->download(tensor_, *made_); });
}

Copies::Copies(c10::Device device) : Copies(device.str(), device.is_cpu() ? nullptr : streams_of(device)) {}

Copies::Copies(std::string device, std::unique_ptr<DeviceQueues> queues)
    : device_(std::move(device)), queues_(std::move(queues)) {}

at::Tensor Copies::to_device(const at::Tensor& host) {
  if (!queues_) return host;
  return naming(device_, [&] {
    forget_arrived();
    const at::Tensor pinned = queues_->pinned(host);
    auto [there, arrived] = queues_->upload(pinned);
    coming_.push_back({pinned, std::move(arrived)});
    queues_->compute_after(*coming_.back().there);
    return there;
  });
}

void Copies::forget_arrived() {
  while (!coming_.empty() && coming_.front().there->is_reached()) coming_.pop_front();
}

Arriving Copies::to_host(const at::Tensor& there) {
  Arriving arriving;
  arriving.tensor_ = there;
  if (!queues_) return arriving;
  arriving.queues_ = queues_;
  arriving.device_ = device_;
  arriving.made_ = naming(device_, [&] { return queues_->computed(); });
  return arriving;
}

}  // namespace flowrun::torch_nodes
