// SPDX-License-Identifier: Apache-2.0
#include "slide_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "label_text.h"
#include "slide_names.h"

namespace flowrun::wsi {
namespace {

/// Whether two names of files can mean the same slide: equal, or equal but for one's extension.
bool may_be_one(const std::string& a, const std::string& b) {
  return a == b || a == slide_stem(b) || slide_stem(a) == b;
}

}  // namespace

SlideLabels::SlideLabels(const std::filesystem::path& file) : SlideLabels(CsvReader(file)) {}

SlideLabels::SlideLabels(CsvReader table) {
  const std::size_t slide = table.column({"slide", "slide_id", "filename"});
  const std::size_t label = table.column({"label"});
  LabelNumbers numbers;
  while (table.next()) {
    if (table.field(slide).empty()) table.fail(fmt::format("no {} in this line", table.columns()[slide]));
    const std::string& text = table.field(slide);
    Row row{text.substr(text.find_last_of("/\\") + 1), label_text(table.field(label)), table.line()};
    if (row.label.empty()) table.fail(fmt::format("no label for '{}'", text));
    if (const auto* other = numbers.add(row.label, row.line))
      table.fail(
          fmt::format("the label '{}' is the same number as '{}' in line {}; write them alike, or not as "
                      "numbers if they are two classes",
                      row.label, other->text, other->tag));
    add(table, std::move(row));
  }
}

void SlideLabels::add(const CsvReader& table, Row row) {
  std::vector<Row>& alike = by_stem_[slide_stem(row.slide)];
  for (const Row& other : alike) {
    if (!may_be_one(other.slide, row.slide)) continue;
    if (other.label != row.label)
      table.fail(fmt::format("'{}' has the label '{}' here, but '{}' in line {}", row.slide, row.label,
                             other.label, other.line));
    if (other.slide == row.slide) return;
  }
  ++size_;
  bytes_ += 200 + 2 * row.slide.size() + row.label.size();
  alike.push_back(std::move(row));
}

const std::string* SlideLabels::find(const SlideFacts& slide) const {
  const std::string file = slide.path.filename().string();
  for (const std::string& name : {slide.name, file}) {
    const auto alike = by_stem_.find(slide_stem(name));
    if (alike == by_stem_.end()) continue;
    for (const std::string& wanted : {name, file, slide_stem(name)})
      for (const Row& row : alike->second)
        if (row.slide == wanted) return &row.label;
    for (const Row& row : alike->second)
      if (names_slide(row.slide, slide)) return &row.label;
  }
  return nullptr;
}

}  // namespace flowrun::wsi
