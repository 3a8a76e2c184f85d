// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
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

  void feed() { hungry_ = 0; }

 private:
  /// Counts its own ticks: when the whole process is stopped for a while, nothing has taken too long.
  void watch(std::stop_token stop) {
    constexpr std::chrono::milliseconds tick(500);
    std::unique_lock lock(mutex_);
    while (!wake_.wait_for(lock, stop, tick, [&] { return stop.stop_requested(); }))
      if (++hungry_ * tick > patience_) bark_();
  }

  const std::chrono::seconds patience_;
  const std::function<void()> bark_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::atomic<int> hungry_ = 0;  // ticks
  std::jthread thread_;          // last: it ends before what it uses
};

}  // namespace flowrun::test
