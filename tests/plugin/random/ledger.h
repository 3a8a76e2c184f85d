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
  explicit Buffer(std::size_t size = 0) : memory_(std::make_shared<const Memory>(size)) {}
  Buffer(const Buffer& other) : Buffer(other.size()) {}
  Buffer(Buffer&& other) noexcept = default;
  Buffer& operator=(Buffer other) noexcept {
    memory_.swap(other.memory_);
    return *this;
  }
  /// The same memory, as long as either lives.
  Buffer shared() const {
    Buffer same(std::size_t{0});
    same.memory_ = memory_;
    return same;
  }
  std::size_t size() const { return memory_ ? memory_->size : 0; }

 private:
  struct Memory {
    explicit Memory(std::size_t bytes) : size(bytes) {
      ledger.add(size);
      if (size > 0) data.reset(new char[size]);
    }
    Memory(const Memory&) = delete;
    Memory& operator=(const Memory&) = delete;
    ~Memory() {
      data.reset();
      ledger.remove(size);
    }
    std::size_t size;
    std::unique_ptr<char[]> data;
  };
  std::shared_ptr<const Memory> memory_;
};

}  // namespace flowrun::test
