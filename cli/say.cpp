// SPDX-License-Identifier: Apache-2.0
#include "say.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace flowrun::cli {
namespace {

int print_problem = 0;  // errno of the first

void note_problem(bool written) {
  if (!written && print_problem == 0) print_problem = errno;
}

}  // namespace

void keep_standard_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0 && errno == EBADF) {
      // The other way round, so that using it still fails. The lowest free number is this one.
      [[maybe_unused]] const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    }
}

void say_text(std::string_view text) {
  [[maybe_unused]] const std::size_t lost_or_not = std::fwrite(text.data(), 1, text.size(), stderr);
}

void print_text(std::string_view text) {
  note_problem(std::fwrite(text.data(), 1, text.size(), stdout) == text.size());
}

bool all_printed() {
  note_problem(std::fflush(stdout) == 0);
  if (print_problem != 0)
    say("error: standard output cannot be written: {}; what was printed is lost\n",
        std::strerror(print_problem));
  return print_problem == 0;
}

}  // namespace flowrun::cli
