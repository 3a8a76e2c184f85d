// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <optional>
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

/// Collects every mistake of a graph, and of the files that it uses, and prints them as `file:line:column:
/// error: ...` with the line and a caret under the place.
class Diagnostics {
 public:
  /// `name`: what messages call the graph's file.
  Diagnostics(std::string name, std::string text) { add_file(std::move(name), std::move(text), {}); }
  /// A file that is used at a place of another one; returns its number, see Place.
  int add_file(std::string name, std::string text, Place used_at);
  const std::string& name(int file) const { return files_.at(static_cast<std::size_t>(file)).name; }
  const std::string& text(int file) const { return files_.at(static_cast<std::size_t>(file)).text; }

  /// A mistake that was said already, as of a file that is used twice, is not said again.
  void error(Place place, std::string message, std::string fix = {});
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  /// All of them, by place.
  const std::vector<Diagnostic>& all() const { return all_; }
  std::string render() const;

 private:
  struct File {
    std::string name;
    std::string text;
    Place used_at;
  };
  std::vector<File> files_;
  std::vector<Diagnostic> all_;
  std::size_t count_ = 0;
};

/// The candidate that `name` may be a slip of, if one is near.
std::optional<std::string> near_name(std::string_view name, const std::vector<std::string>& candidates);
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
