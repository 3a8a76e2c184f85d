// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <malloc.h>

#include <exception>

#include "commands.h"

namespace {

/// glibc would learn from the first large buffer freed to keep all of that size, and memory that is free
/// would still count as the process's. Tiles stay below the bound, so they are reused without page faults.
void give_large_buffers_back() {
  constexpr int large = 4 << 20;
  ::mallopt(M_MMAP_THRESHOLD, large);
  ::mallopt(M_TRIM_THRESHOLD, 2 * large);
  ::mallopt(M_TOP_PAD, large / 4);  // a heap that grows tile by tile costs a system call for each
}

}  // namespace

int main(int argc, char** argv) {
  give_large_buffers_back();
  try {
    return flowrun::cli::run_program({argv + 1, argv + argc});
  } catch (const std::exception& problem) {
    fmt::print(stderr, "error: {}\n", problem.what());
    return 1;
  }
}
