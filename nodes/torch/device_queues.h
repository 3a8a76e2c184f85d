// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <utility>

namespace flowrun::torch_nodes {

/// What a device does beside the host, one thing after the other in each of its queues: it computes, it
/// copies what comes, and it copies what goes. Failures of the device are thrown, by whichever call finds
/// them.
class DeviceQueues {
 public:
  virtual ~DeviceQueues() = default;

  /// A point in what a queue was given to do.
  class Point {
   public:
    virtual ~Point() = default;
    virtual bool is_reached() const = 0;
  };

  // For the thread that computes:
  /// The same numbers in memory of the host that the device reads by itself: `host`, where it lies there.
  virtual at::Tensor pinned(const at::Tensor& host) = 0;
  /// Begins to copy. `pinned` must stay until the point is reached, and what is computed with the copy must
  /// come after it.
  virtual std::pair<at::Tensor, std::unique_ptr<Point>> upload(const at::Tensor& pinned) = 0;
  /// What is computed from now on comes after the point. The host does not wait.
  virtual void compute_after(const Point& point) = 0;
  /// The end of what was given to be computed so far.
  virtual std::unique_ptr<Point> computed() = 0;

  /// A copy on the host of what there is at the point; the host waits for it, and for nothing that is
  /// computed later. For any thread.
  virtual at::Tensor download(const at::Tensor& there, const Point& point) = 0;
};

/// Streams and events of libtorch. What is computed is that of the calling thread's stream of the time.
std::unique_ptr<DeviceQueues> streams_of(c10::Device device);
/// From now on this thread computes on a stream of its own.
void compute_on_own_stream(c10::Device device);

}  // namespace flowrun::torch_nodes
