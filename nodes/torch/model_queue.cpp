// SPDX-License-Identifier: Apache-2.0
#include "model_queue.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <utility>

#include "device.h"

namespace flowrun::torch_nodes {
namespace {

class Place {
 public:
  explicit Place(std::counting_semaphore<>& places) : places_(places) { places_.acquire(); }
  ~Place() { places_.release(); }
  Place(const Place&) = delete;

 private:
  std::counting_semaphore<>& places_;
};

}  // namespace

ModelQueue::ModelQueue(c10::Device device) : device_(device.str()), copies_(device) {
  if (!device.is_cpu()) thread_.emplace(1, device);
}

ModelQueue::ModelQueue(std::string device, std::unique_ptr<DeviceQueues> queues)
    : device_(device), copies_(std::move(device), std::move(queues)) {
  thread_.emplace(1);
}

at::Tensor ModelQueue::images(at::IntArrayRef sizes) const {
  const bool pinned = thread_ && at::hasCUDA();
  return at::empty(sizes, at::TensorOptions().dtype(at::kFloat).pinned_memory(pinned));
}

void ModelQueue::run(const std::function<void()>& work) {
  thread_ ? naming(device_, [&] { thread_->run(work); }) : work();
}

ModelQueue::Tensors ModelQueue::compute(const at::Tensor& images,
                                        const std::function<Tensors(const at::Tensor&)>& compute) {
  if (!thread_) return compute(images);
  const Place place(places_);
  std::vector<Arriving> arriving;
  try {
    run([&] {
      for (const at::Tensor& made : compute(copies_.to_device(images)))
        arriving.push_back(copies_.to_host(made));
    });
  } catch (const std::exception& problem) {
    if (!is_out_of_memory(problem)) throw;
    throw Error(
        fmt::format("the memory of {} is not enough for {} images at once: {}; lower batch, or raise "
                    "device_memory",
                    device_, images.size(0), first_line(problem)));
  }
  Tensors out;
  for (const Arriving& one : arriving) out.push_back(one.get());
  return out;
}

}  // namespace flowrun::torch_nodes
