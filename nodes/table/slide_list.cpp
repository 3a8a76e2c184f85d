// SPDX-License-Identifier: Apache-2.0
#include "slide_list.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <utility>

#include "csv.h"
#include "nodes/base/text.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;

Paths in_folder(const fs::path& folder, const std::vector<std::string>& extensions) {
  Paths out;
  for (auto it = fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied);
       it != fs::end(it); ++it) {
    const bool hidden = it->path().filename().string().starts_with(".");
    if (hidden && it->is_directory()) it.disable_recursion_pending();
    if (!hidden && it->is_regular_file() && has_extension(it->path().filename().string(), extensions))
      out.push_back(it->path());
  }
  if (out.empty()) throw Error(fmt::format("{}: there are no slides in this folder", folder.string()));
  return out;
}

Paths matching(const fs::path& pattern) {
  glob_t found{};
  const int code = ::glob(pattern.c_str(), GLOB_NOSORT, nullptr, &found);
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, &::globfree);
  if (code != 0 && code != GLOB_NOMATCH)
    throw Error(fmt::format("{}: cannot search for slides", pattern.string()));
  Paths out;
  for (std::size_t i = 0; i < found.gl_pathc; ++i)
    if (fs::is_regular_file(found.gl_pathv[i])) out.emplace_back(found.gl_pathv[i]);
  if (out.empty()) throw Error(fmt::format("{}: no file matches this pattern", pattern.string()));
  return out;
}

Paths in_table(const fs::path& list) {
  CsvReader table(list);
  const std::size_t column = table.column({"path"});
  Paths out;
  while (table.next()) {
    if (table.field(column).empty()) table.fail("no path in this line");
    out.push_back(list.parent_path() / table.field(column));
  }
  return out;
}

Paths in_text(const fs::path& list) {
  std::ifstream in(list);
  if (!in) throw Error(fmt::format("{}: cannot read the list of slides", list.string()));
  Paths out;
  int number = 0;
  for (std::string line; std::getline(in, line);) {
    if (++number == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);
    line = std::string(trimmed(line));
    if (!line.empty() && line[0] != '#') out.push_back(list.parent_path() / line);
  }
  return out;
}

Paths in_list(const fs::path& list) {
  Paths out = lower(list.extension().string()) == ".csv" ? in_table(list) : in_text(list);
  if (out.empty()) throw Error(fmt::format("{}: the list names no slides", list.string()));
  return out;
}

Paths expand(const fs::path& place, const std::vector<std::string>& extensions) {
  std::error_code ignored;
  const std::string extension = lower(place.extension().string());
  if (fs::is_directory(place, ignored)) return in_folder(place, extensions);
  if (extension == ".txt" || extension == ".csv") return in_list(place);
  if (!fs::exists(place, ignored) && place.string().find_first_of("*?[") != std::string::npos)
    return matching(place);
  if (!fs::exists(place, ignored) && !has_extension(place.filename().string(), extensions))
    throw Error(fmt::format("{}: there is no such file or folder", place.string()));
  return {place};
}

bool is_plain_text(std::string_view text) {
  return is_utf8(text) && std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

std::string percent_escaped(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '%' ? "%25" : std::string(1, c);
  return out;
}

/// The stem, with the last `folders` folder names before it and the extension if asked for; with each %
/// written as %25 if asked for, so that no text looks like what printable() makes of another.
std::string name_of(const fs::path& path, int folders, bool extension, bool escaped = false) {
  std::string name = extension ? path.filename().string() : path.stem().string();
  fs::path folder = path.parent_path();
  for (; folders > 0 && folder.has_filename(); --folders, folder = folder.parent_path())
    name = folder.filename().string() + "_" + name;
  return escaped && is_plain_text(name) ? percent_escaped(name) : printable(name);
}

void name_apart(std::vector<ListedSlide>& slides) {
  for (const auto& [extension, escaped] : {std::pair(false, false), {true, false}, {true, true}})
    for (int folders = 0; folders < 64; ++folders) {
      std::map<std::string, int> uses;
      for (const ListedSlide& slide : slides) ++uses[slide.name];
      bool alike = false;
      for (ListedSlide& slide : slides) {
        if (uses[slide.name] == 1) continue;
        alike = true;
        slide.name = name_of(slide.path, folders, extension, escaped);
      }
      if (!alike) return;
    }
  throw Error("two slides could not be told apart by their paths");
}

}  // namespace

std::string printable(const std::string& text) {
  if (is_plain_text(text)) return text;
  std::string out;
  for (const unsigned char c : text)
    out +=
        c < 0x20 || c >= 0x7f || c == '%' ? fmt::format("%{:02X}", c) : std::string(1, static_cast<char>(c));
  return out;
}

std::vector<ListedSlide> list_slides(const std::vector<fs::path>& places,
                                     const std::vector<std::string>& extensions) {
  std::map<fs::path, fs::path> by_canonical_path;
  for (const fs::path& place : places)
    for (const fs::path& path : expand(place, extensions)) {
      std::error_code ignored;
      const fs::path absolute = fs::absolute(path).lexically_normal();
      const fs::path canonical = fs::weakly_canonical(absolute, ignored);
      by_canonical_path.emplace(canonical.empty() ? absolute : canonical, absolute);
    }
  std::vector<ListedSlide> slides;
  for (const auto& [canonical, path] : by_canonical_path) slides.push_back({path, name_of(path, 0, false)});
  std::sort(slides.begin(), slides.end(), [](auto& a, auto& b) { return a.path < b.path; });
  name_apart(slides);
  return slides;
}

}  // namespace flowrun::wsi
