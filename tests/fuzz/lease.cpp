// SPDX-License-Identifier: Apache-2.0
#include "lease.h"

#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <mutex>

// Of the sanitizers' runtime, where there is one.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                         void (*)(const volatile void*))
    __attribute__((weak));
extern "C" std::size_t __sanitizer_get_allocated_size(const volatile void*) __attribute__((weak));
extern "C" void __sanitizer_print_stack_trace() __attribute__((weak));

namespace flowrun::fuzz {
namespace {

constexpr std::int64_t beyond = std::int64_t{64} << 20;
constexpr std::int64_t no_limit = std::numeric_limits<std::int64_t>::max();
std::atomic<std::int64_t> allocated{0}, most{no_limit};

/// Blocks whose pages count.
constexpr std::size_t large = std::size_t{1} << 20;
struct Block {
  const volatile void* memory = nullptr;
  std::size_t bytes = 0;
};
std::mutex mutex;
std::array<Block, 256> blocks;  // those that do not fit in are small ones

/// Bytes of a block that are in memory.
std::int64_t touched(const Block& block) {
  constexpr std::uintptr_t page = 4096;
  const auto begin = reinterpret_cast<std::uintptr_t>(block.memory) / page * page;
  const std::size_t bytes = reinterpret_cast<std::uintptr_t>(block.memory) + block.bytes - begin;
  constexpr std::size_t pages_at_once = 4096;
  std::array<unsigned char, pages_at_once> in_memory;
  std::int64_t count = 0;
  for (std::size_t at = 0; at < bytes; at += pages_at_once * page) {
    const std::size_t part = std::min(bytes - at, pages_at_once * page);
    if (::mincore(reinterpret_cast<void*>(begin + at), part, in_memory.data()) != 0) continue;
    for (std::size_t i = 0; i < (part + page - 1) / page; ++i) count += in_memory[i] & 1;
  }
  return count * static_cast<std::int64_t>(page);
}

void check(std::int64_t now) {
  if (now <= most.load()) return;
  const std::int64_t leased = most.exchange(no_limit) - beyond;  // what follows allocates, too
  std::fprintf(stderr, "fuzz: %lld bytes are in use, %lld are leased\n", static_cast<long long>(now),
               static_cast<long long>(leased));
  if (__sanitizer_print_stack_trace) __sanitizer_print_stack_trace();
  std::abort();
}

Block* find(const volatile void* memory) {
  const auto found = std::ranges::find(blocks, memory, &Block::memory);
  return found == blocks.end() ? nullptr : &*found;
}

void on_malloc(const volatile void* memory, std::size_t bytes) {
  if (!memory || most.load() == no_limit) return;
  if (bytes >= large) {
    const std::scoped_lock lock(mutex);
    if (Block* const block = find(nullptr)) {
      *block = {memory, bytes};
      return;
    }
  }
  check(allocated += static_cast<std::int64_t>(bytes));
}

void on_free(const volatile void* memory) {
  if (!memory || most.load() == no_limit) return;
  const std::size_t bytes = __sanitizer_get_allocated_size(memory);
  if (bytes >= large) {
    const std::scoped_lock lock(mutex);
    if (Block* const block = find(memory)) {
      std::int64_t now = allocated;
      for (const Block& other : blocks)
        if (other.memory) now += touched(other);
      *block = {};
      return check(now);
    }
  }
  allocated -= static_cast<std::int64_t>(bytes);
}

}  // namespace

Lease::Lease(std::size_t bytes) {
  static const bool counted = __sanitizer_install_malloc_and_free_hooks && __sanitizer_get_allocated_size &&
                              __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
  if (!counted) return;
  blocks = {};
  allocated = 0;
  most = static_cast<std::int64_t>(bytes) + beyond;
}

Lease::~Lease() {
  most = no_limit;
}

}  // namespace flowrun::fuzz
