// SPDX-License-Identifier: Apache-2.0
#include "model_thread.h"

#include <utility>

#include "device.h"
#include "device_queues.h"

namespace flowrun::torch_nodes {

ModelThread::ModelThread(int threads, c10::Device device)
    : device_(device), thread_([this, threads] { serve(threads); }) {}

ModelThread::~ModelThread() {
  work_ = nullptr;
  given_.release();
  thread_.join();
}

void ModelThread::run(const std::function<void()>& work) {
  const std::scoped_lock lock(one_at_a_time_);
  work_ = &work;
  given_.release();
  done_.acquire();
  const auto problem = std::exchange(problem_, nullptr);
  if (problem && device_.is_cpu()) std::rethrow_exception(problem);
  if (problem) naming(device_.str(), [&] { std::rethrow_exception(problem); });
}

void ModelThread::serve(int threads) {
  const ModelThreads share(threads);
  bool has_stream = device_.is_cpu();
  while (true) {
    given_.acquire();
    if (!work_) return;
    try {
      if (!std::exchange(has_stream, true)) compute_on_own_stream(device_);
      (*work_)();
    } catch (...) {
      problem_ = std::current_exception();
    }
    done_.release();
  }
}

}  // namespace flowrun::torch_nodes
