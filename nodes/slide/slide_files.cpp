// SPDX-License-Identifier: Apache-2.0
#include "slide_files.h"

#include <chrono>
#include <string_view>
#include <system_error>
#include <utility>

#include "nodes/table/slide_list.h"

namespace flowrun::wsi {
namespace {

using Paths = std::vector<std::filesystem::path>;

std::string with_name(std::string pattern, const std::string& name) {
  constexpr std::string_view word = "{slide}";
  for (std::size_t at = 0; (at = pattern.find(word, at)) != std::string::npos; at += name.size())
    pattern.replace(at, word.size(), name);
  return pattern;
}

}  // namespace

Paths slide_files(const Paths& patterns, const std::string& slide) {
  Paths out;
  for (const auto& pattern : patterns)
    for (const std::string& name : {slide, slide.substr(0, slide.find('.'))}) {
      std::filesystem::path path = with_name(pattern.string(), name);
      if (out.empty() || out.back() != path) out.push_back(std::move(path));
    }
  return out;
}

std::filesystem::path first_there(const Paths& paths) {
  for (const auto& path : paths)
    if (std::error_code ignored; std::filesystem::exists(path, ignored)) return path;
  return {};
}

std::map<std::string, std::string> file_identity(const std::filesystem::path& path) {
  std::error_code ignored;
  const auto size = std::filesystem::file_size(path, ignored);
  const auto modified = std::filesystem::last_write_time(path, ignored).time_since_epoch();
  return {
      {"path", printable(path.string())},
      {"bytes", std::to_string(size)},
      {"modified", std::to_string(std::chrono::duration_cast<std::chrono::nanoseconds>(modified).count())}};
}

std::uint64_t bytes_of(const std::filesystem::path& path) {
  std::error_code unseen;
  const auto size = std::filesystem::file_size(path, unseen);
  return unseen ? 0 : size;
}

void add_identity(const std::string& option, const std::filesystem::path& path,
                  std::map<std::string, std::string>& all) {
  for (const auto& [what, value] : file_identity(path)) all[option + "." + what] = value;
}

std::string in_words(const Paths& paths) {
  std::string out;
  for (const auto& path : paths) out += (out.empty() ? "" : ", ") + path.string();
  return out;
}

}  // namespace flowrun::wsi
