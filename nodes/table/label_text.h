// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace flowrun::wsi {

/// A field of a table as a label: blanks around it do not count, as they do not in annotations.
std::string label_text(const std::string& field);

/// Finds labels that are one number written in two ways, as when a spreadsheet made "1.0" of some of a
/// column's "1".
class LabelNumbers {
 public:
  struct Label {
    std::string text;
    std::int64_t tag = 0;
  };
  /// The label added before that is the same number in other characters, or null. It is told with the `tag`
  /// that it was added with. Labels that are no finite decimal numbers are never alike.
  const Label* add(const std::string& text, std::int64_t tag);

 private:
  std::map<long double, Label> first_;
};

}  // namespace flowrun::wsi
