// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <string>
#include <string_view>
#include <vector>

namespace flowrun {

/// One mistake in a graph file.
struct Diagnostic {
  Place place;
  std::string message;  ///< what is wrong
  std::string fix;      ///< what is right; may be empty
};

/// Collects every mistake of a graph file and prints them as `file:line:column: error: ...` with the line
/// and a caret under the place.
class Diagnostics {
 public:
  Diagnostics(std::string file, std::string text) : file_(std::move(file)), text_(std::move(text)) {}

  void error(Place place, std::string message, std::string fix = {});
  bool empty() const { return all_.empty(); }
  /// All of them, by place.
  const std::vector<Diagnostic>& all() const { return all_; }
  std::string render() const;

 private:
  std::string file_;
  std::string text_;
  std::vector<Diagnostic> all_;
};

/// "did you mean 'x'?" when a candidate is near, else "one of a, b, c"; empty without candidates.
std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates);

/// The specs' names, for nearest_name.
template <class Specs>
std::vector<std::string> names_of(const Specs& specs) {
  std::vector<std::string> out;
  for (const auto& spec : specs) out.push_back(spec.name);
  return out;
}

}  // namespace flowrun
