// SPDX-License-Identifier: Apache-2.0
#include "tensor_memory.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

#include "nodes/base/huge_pages.h"

namespace flowrun::torch_nodes {
namespace {

constexpr std::size_t least_kept = std::size_t{1} << 20;
constexpr std::size_t more_at_once = std::size_t{16} << 20;
const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

/// Hands out parts of mappings: the smallest that is free and large enough, and nothing is mapped as long as
/// there is one. So what was mapped stays near what tensors had at once. (Of larger mappings, parts that no
/// tensor needed yet would be handed out before those that are free again, until all of them take memory.)
class TensorMemory final : public c10::Allocator {
 public:
#if TORCH_VERSION_MAJOR > 2 || (TORCH_VERSION_MAJOR == 2 && TORCH_VERSION_MINOR >= 3)
  c10::DataPtr allocate(std::size_t bytes) override {
    return hand_out(bytes);
  }
#else
  c10::DataPtr allocate(std::size_t bytes) const override {
    return hand_out(bytes);
  }
#endif
  c10::DeleterFnPtr raw_deleter() const override {
    return &give_back;
  }
  /// Newer libtorch asks for it.
  void copy_data(void* to, const void* from, std::size_t bytes) const {
    std::memcpy(to, from, bytes);
  }

  void count(bool on) const {
    std::scoped_lock lock(mutex_);
    counts_ = on;
    taken_ = peak_ = 0;
  }
  void reset_peak() const {
    std::scoped_lock lock(mutex_);
    peak_ = taken_;
  }
  std::size_t peak() const {
    std::scoped_lock lock(mutex_);
    return static_cast<std::size_t>(peak_);
  }

  void release() const {
    std::scoped_lock lock(mutex_);
    for (const auto& [begin, bytes] : free_) ::munmap(begin, bytes);
    free_.clear();
  }
  static const TensorMemory& instance() {
    static const TensorMemory& memory = *new TensorMemory;  // tensors may outlive everything static
    return memory;
  }

 private:
  using Ranges = std::map<char*, std::size_t>;  // by address: none begins where another ends

  c10::DataPtr hand_out(std::size_t bytes) const {
    if (bytes == 0 || (bytes < least_kept && !counts_)) return small_.allocate(bytes);
    void* const memory = take((bytes + page - 1) / page * page);
    return {memory, memory, &give_back, c10::Device(c10::kCPU)};
  }

  void* take(std::size_t bytes) const {
    std::scoped_lock lock(mutex_);
    const auto room = [&](const auto& one) { return one.second < bytes ? SIZE_MAX : one.second; };
    auto range = std::ranges::min_element(free_, {}, room);
    if (range != free_.end() && range->second < bytes) range = free_.end();
    if (range == free_.end()) range = map_more(bytes);
    const auto [begin, all] = *range;
    free_.erase(range);
    if (all > bytes) free_[begin + bytes] = all - bytes;
    used_[begin] = bytes;
    taken_ += static_cast<std::ptrdiff_t>(bytes);
    peak_ = std::max(peak_, taken_);
    return begin;
  }

  Ranges::iterator map_more(std::size_t bytes) const {
    const std::size_t all = std::max(bytes, more_at_once);
    void* const begin = ::mmap(nullptr, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED) throw std::bad_alloc();
    wsi::prefer_huge_pages(begin, all);
    return add_free(static_cast<char*>(begin), all);
  }

  Ranges::iterator add_free(char* begin, std::size_t bytes) const {
    auto next = free_.lower_bound(begin);
    if (next != free_.end() && begin + bytes == next->first) {
      bytes += next->second;
      next = free_.erase(next);
    }
    if (next != free_.begin())
      if (const auto before = std::prev(next); before->first + before->second == begin) {
        before->second += bytes;
        return before;
      }
    return free_.emplace_hint(next, begin, bytes);
  }

  static void give_back(void* memory) {
    instance().free(static_cast<char*>(memory));
  }
  void free(char* memory) const {
    {
      std::scoped_lock lock(mutex_);
      if (const auto found = used_.find(memory); found != used_.end()) {
        add_free(memory, found->second);
        taken_ -= static_cast<std::ptrdiff_t>(found->second);
        used_.erase(found);
        return;
      }
    }
    small_.raw_deallocate(memory);
  }

  c10::Allocator& small_ = *c10::GetCPUAllocator();  // the one before
  mutable std::mutex mutex_;
  mutable Ranges free_;
  mutable std::unordered_map<char*, std::size_t> used_;
  mutable std::atomic<bool> counts_ = false;     // so small ones are taken from here, too
  mutable std::ptrdiff_t taken_ = 0, peak_ = 0;  // since it does
};

}  // namespace

void keep_tensor_memory() {
  static const bool done = [] {
    // libtorch wants it changeable; it is, under a lock.
    c10::SetCPUAllocator(const_cast<TensorMemory*>(&TensorMemory::instance()), 1);
    return true;
  }();
  (void)done;
}

PeakOfTensors::PeakOfTensors() {
  keep_tensor_memory();
  TensorMemory::instance().count(true);
}
PeakOfTensors::~PeakOfTensors() {
  TensorMemory::instance().count(false);
}
void PeakOfTensors::reset() {
  TensorMemory::instance().reset_peak();
}
std::size_t PeakOfTensors::bytes() const {
  return TensorMemory::instance().peak();
}

void release_tensor_memory() {
  TensorMemory::instance().release();
}

}  // namespace flowrun::torch_nodes
