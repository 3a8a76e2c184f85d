// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "csv.h"

namespace flowrun::wsi {

/// Labels of slides, from a table with the columns `slide` (or `slide_id`, or `filename`) and `label`.
/// Immutable once made, thread-safe.
class SlideLabels {
 public:
  /// Reads a table (see CsvReader). Throws Error "FILE:LINE: ..." when a slide or a label is missing, or
  /// when two lines give one slide different labels, or two labels are one number (see LabelNumbers); then
  /// both lines
  /// are named.
  explicit SlideLabels(const std::filesystem::path& file);
  explicit SlideLabels(CsvReader table);

  /// The label of the slide, or null. A row means a slide when it has the slide's name, or its file's name
  /// with or without the extension (see names_slide); a row with the very name goes first.
  const std::string* find(const SlideFacts& slide) const;
  std::size_t size() const { return size_; }
  /// Bytes that it takes, about: those of the texts and 200 a row.
  std::size_t bytes() const { return bytes_; }

 private:
  struct Row {
    std::string slide;  // without folders
    std::string label;
    std::int64_t line;
  };
  void add(const CsvReader& table, Row row);

  std::map<std::string, std::vector<Row>, std::less<>> by_stem_;
  std::size_t size_ = 0;
  std::size_t bytes_ = sizeof(SlideLabels);
};

}  // namespace flowrun::wsi
