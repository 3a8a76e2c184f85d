// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdio>

namespace flowrun::wsi {

/// For commands: writes to standard output or error. Where that cannot be written, the text is lost, which is
/// no reason to leave work half done. Returns whether it was written.
template <class... Args>
bool say_to(std::FILE* stream, fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  return std::fwrite(text.data(), 1, text.size(), stream) == text.size();
}

}  // namespace flowrun::wsi
