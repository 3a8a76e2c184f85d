// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <exception>

#include "commands.h"
#include "large_buffers.h"

int main(int argc, char** argv) {
  flowrun::cli::give_large_buffers_back();
  try {
    return flowrun::cli::run_program({argv + 1, argv + argc});
  } catch (const std::exception& problem) {
    fmt::print(stderr, "error: {}\n", problem.what());
    return 1;
  }
}
