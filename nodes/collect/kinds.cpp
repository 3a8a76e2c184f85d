// SPDX-License-Identifier: Apache-2.0
#include "kinds.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "nodes/base/text.h"
#include "nodes/table/slide_list.h"

namespace flowrun::wsi::collect {
namespace {

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool is_scattered(std::string_view extension) {
  return extension == ".vms" || extension == ".vmu" || extension == ".dcm";
}

}  // namespace

std::vector<std::string> default_extensions() {
  std::vector<std::string> out = slide_extensions();
  std::erase_if(out, is_scattered);
  return out;
}

std::vector<std::string> parse_extensions(const std::string& option, const std::vector<std::string>& texts) {
  std::vector<std::string> out;
  for (const std::string& text : texts)
    for (std::size_t at = 0; at <= text.size();) {
      const std::size_t comma = std::min(text.find(',', at), text.size());
      std::string one = lower(std::string_view(text).substr(at, comma - at));
      at = comma + 1;
      std::erase_if(one, [](unsigned char c) { return std::isspace(c); });
      if (!one.starts_with('.')) one.insert(one.begin(), '.');
      if (one.size() < 2 || one.find('.', 1) != std::string::npos || one.find('/') != std::string::npos ||
          one == ".log")
        throw OptionError(option, fmt::format("'{}' is no extension of slides", text), ".svs,.ndpi");
      if (is_scattered(one))
        throw OptionError(
            option,
            fmt::format("{} slides cannot be collected: they name files beside them as their parts", one),
            "leave it out");
      if (!contains(out, one)) out.push_back(one);
    }
  return out;
}

Kind kind_of(std::string_view name, const std::vector<std::string>& extensions) {
  if (is_hidden(name)) return Kind::other;
  const std::string extension = lower(name.substr(stem_of(name).size()));
  if (extension == ".log") return Kind::log;
  if (is_scattered(extension)) return Kind::scattered;
  if (contains(extensions, extension)) return extension == ".mrxs" ? Kind::mirax : Kind::slide;
  return contains(slide_extensions(), extension) ? Kind::unwanted_slide : Kind::other;
}

bool is_hidden(std::string_view name) {
  return name.starts_with('.');
}

bool is_log_folder(std::string_view name) {
  return lower(name) == "logs";
}

std::string_view stem_of(std::string_view name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string_view::npos || dot == 0 ? name : name.substr(0, dot);
}

}  // namespace flowrun::wsi::collect
