// SPDX-License-Identifier: Apache-2.0
#include <exception>

#include "commands.h"
#include "large_buffers.h"
#include "say.h"
#include "waiting_threads.h"

int main(int argc, char** argv) {
  flowrun::cli::keep_standard_streams();
  flowrun::cli::give_large_buffers_back();
  flowrun::cli::let_waiting_threads_sleep();
  try {
    return flowrun::cli::run_program({argv + 1, argv + argc});
  } catch (const std::exception& problem) {
    flowrun::cli::say("error: {}\n", problem.what());
    return 1;
  }
}
