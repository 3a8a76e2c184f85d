// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace flowrun {

/// The bytes that a name in a folder may have.
std::size_t longest_name(const std::filesystem::path& folder);

/// A unit in the one spelling that it is known by. Throws Error when it does not lie inside of `folder` or
/// cannot be a file there.
std::string checked_unit(const std::filesystem::path& unit, const std::filesystem::path& folder,
                         std::size_t longest);

/// Throws Error unless the scope can be the name of a journal's files in `folder`.
void check_scope_name(const std::string& scope, const std::filesystem::path& folder, std::size_t longest);

/// The unit that holds what a node keeps of a scope: see Outputs::keep.
std::string kept_unit(const std::string& node, const std::string& scope);

/// A journal that was tampered with must never make us remove what lies elsewhere.
bool stays_inside(const std::filesystem::path& unit);

/// `unit` is `other`, or lies in it. Both are in the spelling of checked_unit.
bool lies_in(const std::string& unit, const std::string& other);

/// Whether `is_so` of the unit, or of one that it may lie in.
template <class F>
bool any_around(const std::string& unit, F&& is_so) {
  for (auto end = unit.size(); end != std::string::npos && end > 0; end = unit.rfind('/', end - 1))
    if (is_so(unit.substr(0, end))) return true;
  return false;
}

/// Scopes of one opener have the same part before the first dot.
std::string opener_of(const std::string& scope);

/// A path as text that JSON can hold, whatever bytes it has, and back.
std::string path_to_text(const std::filesystem::path& path);
std::filesystem::path path_from_text(const std::string& text);

}  // namespace flowrun
