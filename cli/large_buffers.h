// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <malloc.h>

namespace flowrun::cli {

/// glibc would learn from the first large buffer freed to keep all of that size, and memory that is free
/// would still count as the process's. Tiles stay below the bound, so they are reused without page faults. To
/// be called before threads are started.
inline void give_large_buffers_back() {
  constexpr int large = 4 << 20;
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, 2 * large);
  ::mallopt(M_TOP_PAD, large / 4);  // a heap that grows tile by tile costs a system call for each
}

}  // namespace flowrun::cli
