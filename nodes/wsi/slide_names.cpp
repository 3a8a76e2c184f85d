// SPDX-License-Identifier: Apache-2.0
#include "slide_names.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace flowrun::wsi {
namespace {

std::string_view file_name(std::string_view text) {
  const std::size_t slash = text.find_last_of("/\\");
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

}  // namespace

bool has_slide_extension(std::string_view name) {
  // The formats of OpenSlide 3.4.1.
  constexpr std::array<std::string_view, 10> known{".svs", ".tif", ".tiff", ".ndpi",    ".vms",
                                                   ".vmu", ".scn", ".mrxs", ".svslide", ".bif"};
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  std::string extension(name.substr(dot));
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(known.begin(), known.end(), extension) != known.end();
}

std::string slide_stem(std::string_view text) {
  const std::string_view name = file_name(text);
  return std::string(has_slide_extension(name) ? name.substr(0, name.rfind('.')) : name);
}

bool names_slide(std::string_view text, const SlideFacts& slide) {
  const std::string_view name = file_name(text);
  const std::string own = slide.path.filename().string();
  return name == slide.name || name == own || name == slide_stem(own) || slide_stem(name) == slide.name;
}

}  // namespace flowrun::wsi
