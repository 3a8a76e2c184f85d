// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// The pixels of one of a file's own tiles: tile height x tile width x 3, RGB.
using TileBuffer = std::shared_ptr<std::uint8_t[]>;

/// Buffers for decoded tiles that are used again and again: allocated between tiles of other sizes and ages,
/// they would leave the heap full of holes. They lie side by side in slabs of huge pages; the memory is given
/// back with the pool and its last buffer. Thread-safe.
class TileBuffers {
 public:
  explicit TileBuffers(std::size_t bytes) : pool_(std::make_shared<Pool>(bytes)) {}

  /// A buffer with undefined content; it returns to the pool with its last copy.
  TileBuffer take() const {
    return {pool_->take(), [pool = pool_](std::uint8_t* used) {
              std::scoped_lock lock(pool->mutex);
              pool->free.push_back(used);
            }};
  }
  std::size_t bytes() const { return pool_->bytes; }

 private:
  struct FreeSlab {
    void operator()(std::uint8_t* slab) const { std::free(slab); }
  };
  using Slab = std::unique_ptr<std::uint8_t[], FreeSlab>;
  struct Pool {
    explicit Pool(std::size_t size) : bytes(size) {}
    std::uint8_t* take();
    void add_slab();

    const std::size_t bytes;
    std::mutex mutex;
    std::vector<Slab> slabs;
    std::vector<std::uint8_t*> free;  // parts of slabs; the next is the last
  };
  std::shared_ptr<Pool> pool_;
};

}  // namespace flowrun::wsi
