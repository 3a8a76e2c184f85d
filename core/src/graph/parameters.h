// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graph/diagnostics.h"

namespace flowrun {

/// A value given to a parameter from outside of its file.
struct GivenParameter {
  std::string text;
  std::filesystem::path base;  ///< what a relative path in it is relative to
  std::optional<Place> place;  ///< where it was given, in another graph; none: by --set
};
using GivenParameters = std::map<std::string, GivenParameter>;

/// The parameters of a graph file, and their substitution in its values.
class Parameters {
 public:
  /// `declared`: the file's `params:`, or null. `file`: what it is called in messages. Relative paths in the
  /// file are relative to `folder`.
  Parameters(const Value* declared, const GivenParameters& given, const std::string& file,
             const std::filesystem::path& folder, Place file_start, Diagnostics& diagnostics);

  /// Replaces ${name} and ${env:NAME} in every scalar below `value`; `$$` stands for one `$`.
  void substitute(Value& value) const;

 private:
  struct Parameter {
    std::string text;
    std::filesystem::path base;
    bool has_value = true;
  };
  void declare(const Value& declared);
  std::string expand(const std::string& text, Place place, std::filesystem::path& base) const;
  Parameter lookup(const std::string& name, Place place) const;
  std::vector<std::string> names() const;

  std::filesystem::path folder_;
  bool used_ = false;  ///< in another graph
  Diagnostics& diagnostics_;
  std::map<std::string, Parameter> parameters_;
};

}  // namespace flowrun
