// SPDX-License-Identifier: Apache-2.0
#include "slide_names.h"

#include <algorithm>

#include "nodes/base/text.h"

namespace flowrun::wsi {
namespace {

std::string_view file_name(std::string_view text) {
  const std::size_t slash = text.find_last_of("/\\");
  return slash == std::string_view::npos ? text : text.substr(slash + 1);
}

}  // namespace

const std::vector<std::string>& slide_extensions() {
  static const std::vector<std::string> known{".bif", ".czi",     ".dcm", ".mrxs", ".ndpi", ".scn",
                                              ".svs", ".svslide", ".tif", ".tiff", ".vms",  ".vmu"};
  return known;
}

const std::vector<std::string>& feature_extensions() {
  static const std::vector<std::string> known{".h5", ".hdf5", ".pt"};
  return known;
}

bool has_extension(std::string_view name, const std::vector<std::string>& extensions) {
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  return std::ranges::find(extensions, lower(name.substr(dot))) != extensions.end();
}

std::string slide_stem(std::string_view text) {
  const std::string_view name = file_name(text);
  return std::string(has_extension(name) ? name.substr(0, name.rfind('.')) : name);
}

std::string trident_name(std::string_view slide, std::string_view file) {
  constexpr std::string_view ome = ".ome";
  const std::string ending = lower(file);
  const bool doubled = (ending.ends_with(".ome.tif") || ending.ends_with(".ome.tiff")) &&
                       slide.size() > ome.size() && lower(slide).ends_with(ome);
  return std::string(slide.substr(0, slide.size() - (doubled ? ome.size() : 0)));
}

bool names_slide(std::string_view text, const SlideFacts& slide) {
  const std::string_view name = file_name(text);
  const std::string own = slide.path.filename().string();
  return name == slide.name || name == own || name == slide_stem(own) || slide_stem(name) == slide.name;
}

}  // namespace flowrun::wsi
