// SPDX-License-Identifier: Apache-2.0
#include "tiff_file.h"

#include <cstdarg>
#include <cstdio>

namespace flowrun::wsi {
namespace {

thread_local char last_problem[512] = "unknown TIFF error";

void keep_problem(const char* module, const char* format, va_list arguments) {
  const int used = module ? std::snprintf(last_problem, sizeof last_problem, "%s: ", module) : 0;
  if (used >= 0 && static_cast<std::size_t>(used) < sizeof last_problem)
    std::vsnprintf(last_problem + used, sizeof last_problem - static_cast<std::size_t>(used), format,
                   arguments);
}

}  // namespace

void quiet_tiff() {
  TIFFSetErrorHandler(keep_problem);
  TIFFSetWarningHandler(nullptr);
}

std::string tiff_problem() {
  return last_problem;
}

TiffFile open_tiff(const std::filesystem::path& path) {
  quiet_tiff();
  return TiffFile(TIFFOpen(path.c_str(), "rm"));
}

}  // namespace flowrun::wsi
