// SPDX-License-Identifier: Apache-2.0
#include "name_apart.h"

#include <fmt/format.h>

#include "kinds.h"

namespace flowrun::wsi::collect {
namespace {

constexpr std::size_t longest_name = 255;  // bytes, NAME_MAX of Linux' file systems

/// Cuts at most `bytes` off, and no UTF-8 sequence in two.
std::string cut(std::string_view text, std::size_t bytes) {
  std::size_t end = text.size() - std::min(bytes, text.size());
  while (end > 0 && end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return std::string(text.substr(0, end));
}

std::string numbered(std::string_view name, std::size_t number) {
  const std::string_view stem = stem_of(name);
  const std::string end = fmt::format("_{}{}", number, name.substr(stem.size()));
  const std::size_t size = stem.size() + end.size();
  return cut(stem, size > longest_name ? size - longest_name : 0) + end;
}

}  // namespace

std::string_view name_in(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string_view folder_in(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

std::string name_apart(std::string_view path, std::string_view root, std::size_t attempt) {
  const std::string_view own = name_in(path);
  // Nearly every log folder has the same name: its folder's says whose it is.
  const std::size_t wanted = attempt + (is_log_folder(own) ? 1 : 0);
  std::string name(own);
  std::string_view folder = folder_in(path);
  bool at_root = false;
  for (std::size_t i = 0; i < wanted; ++i) {
    if (at_root) return numbered(own, attempt + 1);
    at_root = folder.empty();
    name = std::string(at_root ? root : name_in(folder)) + "_" + name;
    folder = folder_in(folder);
  }
  return name.size() <= longest_name ? name : numbered(own, attempt + 1);
}

}  // namespace flowrun::wsi::collect
