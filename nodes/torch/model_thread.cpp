// SPDX-License-Identifier: Apache-2.0
#include "model_thread.h"

#include <utility>

#include "device.h"

namespace flowrun::torch_nodes {

ModelThread::ModelThread(int threads) : thread_([this, threads] { serve(threads); }) {}

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
  if (const auto problem = std::exchange(problem_, nullptr)) std::rethrow_exception(problem);
}

void ModelThread::serve(int threads) {
  const ModelThreads share(threads);
  while (true) {
    given_.acquire();
    if (!work_) return;
    try {
      (*work_)();
    } catch (...) {
      problem_ = std::current_exception();
    }
    done_.release();
  }
}

}  // namespace flowrun::torch_nodes
