// SPDX-License-Identifier: Apache-2.0
#include "tiff_file.h"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace flowrun::wsi {
namespace {

using Text = std::array<char, 512>;
thread_local Text last_problem{"unknown TIFF error"};
thread_local Text last_warning{};

void keep(Text& text, const char* module, const char* format, va_list arguments) {
  const int used = module ? std::snprintf(text.data(), text.size(), "%s: ", module) : 0;
  if (used >= 0 && static_cast<std::size_t>(used) < text.size())
    std::vsnprintf(text.data() + used, text.size() - static_cast<std::size_t>(used), format, arguments);
}

}  // namespace

void quiet_tiff() {
  TIFFSetErrorHandler([](const char* module, const char* format, va_list arguments) {
    keep(last_problem, module, format, arguments);
  });
  TIFFSetWarningHandler([](const char* module, const char* format, va_list arguments) {
    keep(last_warning, module, format, arguments);
  });
}

std::string tiff_problem() {
  return last_problem.data();
}

std::string take_tiff_warning() {
  std::string warning = last_warning.data();
  last_warning.front() = '\0';
  return warning;
}

TiffFile open_tiff(const std::filesystem::path& path) {
  quiet_tiff();
  return TiffFile(TIFFOpen(path.c_str(), "rm"));
}

}  // namespace flowrun::wsi
