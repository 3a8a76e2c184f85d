// SPDX-License-Identifier: Apache-2.0
#include "slide_list.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <glob.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <string_view>
#include <utility>

#include "csv.h"
#include "dicom_slides.h"
#include "nodes/base/files_below.h"
#include "nodes/base/text.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

namespace fs = std::filesystem;
using Paths = std::vector<fs::path>;

/// DICOM has files of other kinds as well.
bool is_other_dicom(const fs::path& file, DicomSlides& dicom) {
  return is_dicom(file) && dicom.files_of(file).empty();
}

Paths in_folder(const fs::path& folder, const std::vector<std::string>& extensions, DicomSlides& dicom) {
  Paths out = files_below(folder);
  std::erase_if(out, [&](const fs::path& file) {
    return !has_extension(file.filename().string(), extensions) || is_other_dicom(file, dicom);
  });
  if (out.empty()) throw Error(fmt::format("{}: there are no slides in this folder", folder.string()));
  return out;
}

/// The pattern, of whose folders those that are there under their whole names stand for themselves.
std::string with_names_kept(const fs::path& pattern) {
  fs::path out, there;
  bool all_there = true;
  for (const fs::path& part : pattern) {
    std::error_code ignored;
    there /= part;
    all_there = all_there && fs::exists(there, ignored);
    std::string text;
    for (const char c : part.string()) {
      if (all_there && std::string_view("*?[\\").find(c) != std::string_view::npos) text += '\\';
      text += c;
    }
    out /= text;
  }
  return out.string();
}

Paths matching(const fs::path& pattern, DicomSlides& dicom) {
  glob_t found{};
  const int code = ::glob(with_names_kept(pattern).c_str(), GLOB_NOSORT, nullptr, &found);
  const std::unique_ptr<glob_t, void (*)(glob_t*)> owner(&found, &::globfree);
  if (code != 0 && code != GLOB_NOMATCH)
    throw Error(fmt::format("{}: cannot search for slides", pattern.string()));
  Paths out;
  for (std::size_t i = 0; i < found.gl_pathc; ++i)
    if (const fs::path file = found.gl_pathv[i]; fs::is_regular_file(file) && !is_other_dicom(file, dicom))
      out.push_back(file);
  if (out.empty()) throw Error(fmt::format("{}: no file matches this pattern", pattern.string()));
  return out;
}

/// What a list says of a slide.
struct Line {
  fs::path path;
  std::optional<double> mpp;
  std::string patient;
};
using Listed = std::vector<Line>;

Listed in_table(const fs::path& list) {
  CsvReader table(list);
  const std::size_t path = table.column({"path", "wsi"});
  const auto mpp = table.find({"mpp", "MPP"}), patient = table.find({"patient"});
  Listed out;
  while (table.next()) {
    if (table.field(path).empty()) table.fail("no path in this line");
    Line& line = out.emplace_back(Line{list.parent_path() / table.field(path), {}, {}});
    if (patient) line.patient = table.field(*patient);
    if (!mpp || table.field(*mpp).empty()) continue;
    line.mpp = table.number(*mpp);
    if (*line.mpp <= 0 || *line.mpp > 1000)
      table.fail(fmt::format("'{}': expected microns per pixel, above 0 and at most 1000, found '{}'",
                             table.columns()[*mpp], table.field(*mpp)));
  }
  return out;
}

Listed paths_alone(const Paths& paths) {
  Listed out;
  for (const fs::path& path : paths) out.push_back({path, {}, {}});
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

Listed in_list(const fs::path& list) {
  Listed out = lower(list.extension().string()) == ".csv" ? in_table(list) : paths_alone(in_text(list));
  if (out.empty()) throw Error(fmt::format("{}: the list names no slides", list.string()));
  return out;
}

Listed expand(const fs::path& place, const std::vector<std::string>& extensions, DicomSlides& dicom) {
  std::error_code ignored;
  const std::string extension = lower(place.extension().string());
  if (fs::is_directory(place, ignored)) return paths_alone(in_folder(place, extensions, dicom));
  if (extension == ".txt" || extension == ".csv") return in_list(place);
  if (!fs::exists(place, ignored) && place.string().find_first_of("*?[") != std::string::npos)
    return paths_alone(matching(place, dicom));
  if (!fs::exists(place, ignored) && !has_extension(place.filename().string(), extensions))
    throw Error(fmt::format("{}: there is no such file or folder", place.string()));
  return {{place, {}, {}}};
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
/// written as %25 if asked for, so that no text looks like what printable() makes of another. Of a slide in
/// several files the folder instead, with the first file's name if asked for the extension.
std::string name_of(const ListedSlide& slide, int folders, bool extension, bool escaped = false) {
  const fs::path& path = slide.path;
  std::string name = extension ? path.filename().string() : path.stem().string();
  fs::path folder = path.parent_path();
  if (!slide.more_files.empty() && folder.has_filename()) {
    name = folder.filename().string() + (extension ? "_" + name : "");
    folder = folder.parent_path();
  }
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
        slide.name = name_of(slide, folders, extension, escaped);
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
  std::map<fs::path, ListedSlide> by_canonical_path;
  DicomSlides dicom;
  for (const fs::path& place : places)
    for (const auto& [path, mpp, patient] : expand(place, extensions, dicom)) {
      std::error_code ignored;
      ListedSlide listed{fs::absolute(path).lexically_normal(), {}, mpp, patient};
      if (is_dicom(path))
        if (const Paths files = dicom.files_of(path); files.size() > 1) {
          listed.path = files.front();
          listed.more_files.assign(files.begin() + 1, files.end());
        }
      listed.name = name_of(listed, 0, false);
      const fs::path canonical = fs::weakly_canonical(listed.path, ignored);
      const fs::path& key = canonical.empty() ? listed.path : canonical;
      ListedSlide& slide = by_canonical_path.try_emplace(key, listed).first->second;
      if (mpp && slide.mpp.value_or(*mpp) != *mpp)
        throw Error(
            fmt::format("{}: {} lists this slide with {} microns per pixel, and it is listed with {} as well",
                        slide.path.string(), place.string(), *mpp, *slide.mpp));
      if (!patient.empty() && !slide.patient.empty() && slide.patient != patient)
        throw Error(
            fmt::format("{}: {} lists this slide as of patient '{}', and it is listed as of '{}' as well",
                        slide.path.string(), place.string(), patient, slide.patient));
      if (mpp) slide.mpp = mpp;
      if (!patient.empty()) slide.patient = patient;
    }
  std::vector<ListedSlide> slides;
  for (auto& [canonical, slide] : by_canonical_path) slides.push_back(std::move(slide));
  std::sort(slides.begin(), slides.end(), [](auto& a, auto& b) { return a.path < b.path; });
  name_apart(slides);
  return slides;
}

}  // namespace flowrun::wsi
