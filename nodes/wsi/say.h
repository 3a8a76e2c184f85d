// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdio>

namespace flowrun::wsi {

/// For commands: writes to standard output or error. Lost where that cannot be written, which is no reason to
/// leave work half done.
template <class... Args>
void say_to(std::FILE* stream, fmt::format_string<Args...> format, Args&&... args) {
  const std::string text = fmt::format(format, std::forward<Args>(args)...);
  [[maybe_unused]] const std::size_t lost_or_not = std::fwrite(text.data(), 1, text.size(), stream);
}

}  // namespace flowrun::wsi
