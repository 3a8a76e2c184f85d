// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include <exception>
#include <functional>
#include <mutex>
#include <semaphore>
#include <thread>

namespace flowrun::torch_nodes {

/// The thread that one model is computed on, always the same: OpenMP keeps the threads that it computes with
/// for each thread that asks, and those of all threads of the run would be many times the machine's.
class ModelThread {
 public:
  /// torch computes there with so many threads, itself one of them; on a device on a stream of its own. What
  /// another thread left the device to compute, that stream does not wait for.
  explicit ModelThread(int threads, c10::Device device = c10::kCPU);
  ~ModelThread();
  ModelThread(const ModelThread&) = delete;

  /// Does `work` there and waits for it; throws what it throws, failures of its device with that one's name.
  /// Others that call meanwhile wait, too.
  void run(const std::function<void()>& work);

 private:
  void serve(int threads);

  const c10::Device device_;
  std::mutex one_at_a_time_;
  const std::function<void()>* work_ = nullptr;
  std::exception_ptr problem_;
  std::binary_semaphore given_{0}, done_{0};
  std::thread thread_;
};

}  // namespace flowrun::torch_nodes
