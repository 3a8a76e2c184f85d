// SPDX-License-Identifier: Apache-2.0
#include "annotation_file.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>

#include "annotation_builder.h"
#include "annotation_text.h"

namespace flowrun::wsi {
namespace {

AnnotationFile parse(std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) throw Malformed(0, "the file is empty; save the annotations again");
  if (text[first] == '<') return parse_xml(text);
  if (text[first] == '{' || text[first] == '[') return parse_geojson(text);
  throw Malformed(first,
                  fmt::format("the file begins with {}; annotations are XML (ImageScope, HALO, ASAP) or "
                              "GeoJSON (QuPath)",
                              in_quotes(std::string_view(text).substr(first, 16))));
}

/// Lines and columns count from 1, columns in bytes of UTF-8.
[[noreturn]] void refuse(const Malformed& problem, const std::filesystem::path& file, std::string_view text) {
  const std::string_view before = text.substr(0, std::min(problem.offset, text.size()));
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t column = before.size() - (before.find_last_of('\n') + 1) + 1;
  throw Error(fmt::format("{}:{}:{}: {}", file.string(), line, column, problem.what()));
}

}  // namespace

AnnotationFile read_annotations(const std::filesystem::path& file) {
  std::string text = read_text(file);
  try {
    return parse(text);
  } catch (const Malformed& problem) {
    // XML is parsed in place, which leaves nothing to count lines in.
    text = std::string();
    refuse(problem, file, read_text(file));
  }
}

AnnotationFile parse_annotations(std::string bytes, const std::filesystem::path& file) {
  const std::string text = to_utf8(std::move(bytes));
  std::string worked_on = text;
  try {
    return parse(worked_on);
  } catch (const Malformed& problem) {
    refuse(problem, file, text);
  }
}

}  // namespace flowrun::wsi
