// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// The pixels of one of a file's own tiles: tile height x tile width x 3, RGB.
using TileBuffer = std::shared_ptr<std::uint8_t[]>;

/// Buffers for decoded tiles that are used again and again: allocated between tiles of other sizes and ages,
/// they would leave the heap full of holes. Buffers may outlive the pool. Thread-safe.
class TileBuffers {
 public:
  explicit TileBuffers(std::size_t bytes) : pool_(std::make_shared<Pool>(bytes)) {}

  /// A buffer with undefined content; it returns to the pool with its last copy.
  TileBuffer take() const {
    std::unique_ptr<std::uint8_t[]> buffer;
    {
      std::scoped_lock lock(pool_->mutex);
      if (!pool_->free.empty()) {
        buffer = std::move(pool_->free.back());
        pool_->free.pop_back();
      }
    }
    if (!buffer) buffer = std::make_unique_for_overwrite<std::uint8_t[]>(pool_->bytes);
    return {buffer.release(), [pool = pool_](std::uint8_t* used) {
              std::unique_ptr<std::uint8_t[]> owner(used);
              std::scoped_lock lock(pool->mutex);
              pool->free.push_back(std::move(owner));
            }};
  }
  std::size_t bytes() const { return pool_->bytes; }

 private:
  struct Pool {
    explicit Pool(std::size_t size) : bytes(size) {}
    const std::size_t bytes;
    std::mutex mutex;
    std::vector<std::unique_ptr<std::uint8_t[]>> free;
  };
  std::shared_ptr<Pool> pool_;
};

}  // namespace flowrun::wsi
