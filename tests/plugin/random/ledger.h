// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

namespace flowrun::test {

/// The bytes that all buffers of the process hold, and the most that they held at once. Thread-safe.
class Ledger {
 public:
  void add(std::size_t bytes) {
    const std::size_t now = held_ += bytes;
    std::size_t peak = peak_;
    while (now > peak && !peak_.compare_exchange_weak(peak, now)) {
    }
  }
  void remove(std::size_t bytes) { held_ -= bytes; }
  std::size_t held() const { return held_; }
  std::size_t peak() const { return peak_; }
  void forget_peak() { peak_ = held_.load(); }

 private:
  std::atomic<std::size_t> held_ = 0, peak_ = 0;
};

inline Ledger ledger;

/// Memory that is counted as long as it is held.
class Buffer {
 public:
  explicit Buffer(std::size_t size = 0) : size_(size) {
    ledger.add(size);
    if (size > 0) data_.reset(new char[size]);
  }
  Buffer(const Buffer& other) : Buffer(other.size_) {}
  Buffer(Buffer&& other) noexcept : size_(std::exchange(other.size_, 0)), data_(std::move(other.data_)) {}
  Buffer& operator=(Buffer other) noexcept {
    std::swap(size_, other.size_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Buffer() {
    data_.reset();
    ledger.remove(size_);
  }
  std::size_t size() const { return size_; }

 private:
  std::size_t size_;
  std::unique_ptr<char[]> data_;
};

}  // namespace flowrun::test
