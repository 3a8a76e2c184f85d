// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string_view>

namespace flowrun::cli {

/// To be called first: what is written to a reader that went away must not end the process, and no file that
/// is opened later may become the standard stream that was closed.
void keep_standard_streams();

/// Writes to standard error. Lost where that cannot be written: a log is no reason to end a run.
void say_text(std::string_view text);
template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
  say_text(fmt::format(format, std::forward<Args>(args)...));
}

/// Writes to standard output. Never throws; all_printed() tells whether it went out.
void print_text(std::string_view text);
template <class... Args>
void print(fmt::format_string<Args...> format, Args&&... args) {
  print_text(fmt::format(format, std::forward<Args>(args)...));
}
/// Whether all that was printed went out; if not, says why on standard error.
bool all_printed();

}  // namespace flowrun::cli
