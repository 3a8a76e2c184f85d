// SPDX-License-Identifier: Apache-2.0
// Control sequences are those of ECMA-48; DECAWM (?7) of DEC's VT100, which the terminals of today have.
#include "terminal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdlib>
#include <string_view>

namespace flowrun::cli {

bool can_be_drawn_on(int descriptor) {
  const char* const kind = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (!kind || std::string_view(kind) != "dumb");
}

std::size_t lines_of_terminal(int descriptor) {
  struct ::winsize size {};
  return ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 ? size.ws_row : 24;
}

std::string erased(std::size_t count) {
  if (count == 0) return {};
  return count == 1 ? "\r\x1b[J" : fmt::format("\r\x1b[{}A\x1b[J", count - 1);
}

std::string unwrapped(const std::vector<std::string>& lines) {
  return fmt::format("\x1b[?7l{}\x1b[?7h", fmt::join(lines, "\n"));
}

}  // namespace flowrun::cli
