// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include "nodes/torch/device_queues.h"

namespace flowrun::torch_nodes::test {

/// A device whose memory is the host's: copies arrive late, by a thread of its own, and until then there is
/// nothing but NaN. Memory that it reads by itself is overwritten when its owner lets go of it.
class FakeDevice final : public DeviceQueues {
 public:
  struct Behaviour {
    std::chrono::milliseconds delay{3};
    bool computing_waits = true;  ///< false: compute_after() is only counted
    std::function<void(int)> before_upload = [](int) {}, before_download = [](int) {};  ///< numbered from 1
  };
  /// What a test sees, also when the device is gone.
  struct Seen {
    std::atomic<int> uploads{0}, downloads{0}, waits{0}, let_go{0};
  };

  explicit FakeDevice(Behaviour behaviour, std::shared_ptr<Seen> seen = std::make_shared<Seen>())
      : behaviour_(std::move(behaviour)), seen_(std::move(seen)), thread_([this] { copy_all(); }) {}
  ~FakeDevice() override {
    {
      const std::scoped_lock lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

  at::Tensor pinned(const at::Tensor& host) override {
    const at::Tensor kept = host.contiguous().clone();
    at::Tensor out = at::from_blob(
        kept.data_ptr(), kept.sizes(),
        [seen = seen_, kept](void* memory) {
          ++seen->let_go;
          std::memset(memory, 0xff, kept.nbytes());
        },
        kept.options());
    memory_.push_back(kept);
    return out;
  }

  std::pair<at::Tensor, std::unique_ptr<Point>> upload(const at::Tensor& pinned) override {
    behaviour_.before_upload(++seen_->uploads);
    at::Tensor there = at::empty(pinned.sizes(), pinned.options());
    std::memset(there.data_ptr(), 0xff, there.nbytes());
    const auto done = std::make_shared<std::atomic<bool>>(false);
    {
      const std::scoped_lock lock(mutex_);
      copies_.push_back({pinned.data_ptr(), there, done});
    }
    changed_.notify_all();
    return {there, std::make_unique<At>(done)};
  }

  void compute_after(const Point& point) override {
    ++seen_->waits;
    if (behaviour_.computing_waits) static_cast<const At&>(point).done->wait(false);
  }
  std::unique_ptr<Point> computed() override {
    return std::make_unique<At>(std::make_shared<std::atomic<bool>>(true));
  }

  at::Tensor download(const at::Tensor& there, const Point&) override {
    behaviour_.before_download(++seen_->downloads);
    std::this_thread::sleep_for(behaviour_.delay);
    return there.clone();
  }

 private:
  struct At final : Point {
    explicit At(std::shared_ptr<std::atomic<bool>> of) : done(std::move(of)) {}
    bool is_reached() const override { return *done; }
    std::shared_ptr<std::atomic<bool>> done;
  };
  struct Copy {
    const void* from;
    at::Tensor to;
    std::shared_ptr<std::atomic<bool>> done;
  };

  void copy_all() {
    while (true) {
      Copy copy;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return over_ || !copies_.empty(); });
        if (copies_.empty()) return;
        copy = copies_.front();
        copies_.pop_front();
      }
      std::this_thread::sleep_for(behaviour_.delay);
      std::memcpy(copy.to.data_ptr(), copy.from, copy.to.nbytes());
      *copy.done = true;
      copy.done->notify_all();
    }
  }

  const Behaviour behaviour_;
  const std::shared_ptr<Seen> seen_;
  std::deque<at::Tensor> memory_;  // that was ever pinned: it stays readable
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Copy> copies_;
  bool over_ = false;
  std::thread thread_;
};

/// As libtorch throws it.
inline void out_of_memory() {
  throw std::runtime_error(
      "CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.15 GiB total capacity)");
}
inline void device_failure() {
  throw std::runtime_error(
      "CUDA error: an illegal memory access was encountered\nCUDA kernel errors might be");
}

}  // namespace flowrun::torch_nodes::test
