// SPDX-License-Identifier: Apache-2.0
#include "device_queues.h"

#include <ATen/ATen.h>
#include <c10/core/Event.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace flowrun::torch_nodes {
namespace {

/// By libtorch's interface for all kinds of devices.
class Streams final : public DeviceQueues {
 public:
  explicit Streams(c10::Device device)
      : device_(device),
        of_device_(device.type()),
        coming_(of_device_.getStreamFromGlobalPool(device)),
        going_(of_device_.getStreamFromGlobalPool(device)) {}

  at::Tensor pinned(const at::Tensor& host) override { return host.is_pinned() ? host : host.pin_memory(); }

  std::pair<at::Tensor, std::unique_ptr<Point>> upload(const at::Tensor& pinned) override {
    const c10::Stream computing = of_device_.getStream(device_);
    const c10::StreamGuard on(coming_);
    at::Tensor there = pinned.to(device_, pinned.scalar_type(), /*non_blocking=*/true);
    // Or else its memory would be the next copy's while it is still computed with.
    there.record_stream(computing);
    return {std::move(there), point_of(coming_)};
  }

  void compute_after(const Point& point) override { event_of(point).block(of_device_.getStream(device_)); }
  std::unique_ptr<Point> computed() override { return point_of(of_device_.getStream(device_)); }

  at::Tensor download(const at::Tensor& there, const Point& point) override {
    const c10::StreamGuard on(going_);
    event_of(point).block(going_);
    return there.to(at::kCPU).contiguous();  // waits for this stream alone
  }

 private:
  struct At final : Point {
    explicit At(c10::DeviceType type) : event(type) {}
    bool is_reached() const override { return event.query(); }
    c10::Event event;
  };
  static const c10::Event& event_of(const Point& point) { return static_cast<const At&>(point).event; }
  std::unique_ptr<Point> point_of(const c10::Stream& stream) const {
    auto at = std::make_unique<At>(device_.type());
    at->event.record(stream);
    return at;
  }

  const c10::Device device_;
  const c10::impl::VirtualGuardImpl of_device_;
  const c10::Stream coming_, going_;
};

}  // namespace

std::unique_ptr<DeviceQueues> streams_of(c10::Device device) {
  return std::make_unique<Streams>(device);
}

void compute_on_own_stream(c10::Device device) {
  const c10::impl::VirtualGuardImpl of_device(device.type());
  of_device.setDevice(device);
  of_device.exchangeStream(of_device.getStreamFromGlobalPool(device));
}

}  // namespace flowrun::torch_nodes
