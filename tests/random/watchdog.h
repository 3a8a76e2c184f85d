// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

namespace flowrun::test {

/// Calls `bark` when nobody has fed it for too long.
class Watchdog {
 public:
  Watchdog(std::chrono::seconds patience, std::function<void()> bark)
      : patience_(patience), bark_(std::move(bark)), thread_([this](std::stop_token stop) { watch(stop); }) {}

  void feed() {
    std::scoped_lock lock(mutex_);
    fed_ = std::chrono::steady_clock::now();
  }

 private:
  void watch(std::stop_token stop) {
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, std::chrono::milliseconds(500), [&] { return stop.stop_requested(); }))
      if (std::chrono::steady_clock::now() - fed_ > patience_) bark_();
  }

  const std::chrono::seconds patience_;
  const std::function<void()> bark_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::chrono::steady_clock::time_point fed_ = std::chrono::steady_clock::now();
  std::jthread thread_;  // last: it ends before what it uses
};

}  // namespace flowrun::test
