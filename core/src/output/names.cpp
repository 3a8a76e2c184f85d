// SPDX-License-Identifier: Apache-2.0
#include "output/names.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace flowrun {
namespace {

namespace fs = std::filesystem;

/// The longest that the journal appends to a scope's name: an entry that is written anew.
constexpr std::string_view longest_ending = ".json.tmp";

constexpr std::string_view kept_units = ".flowrun/kept/";

bool is_utf8(const std::string& text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::exception&) {
    return false;
  }
}

/// What follows a NUL would be missing from a message.
std::string shown(std::string text) {
  for (auto at = text.find('\0'); at != std::string::npos; at = text.find('\0', at))
    text.replace(at, 1, "\\0");
  return text;
}

[[noreturn]] void throw_too_long(const std::string& what, std::size_t length, const fs::path& folder,
                                 std::size_t longest) {
  throw Error(fmt::format("{} is too long: it has {} bytes, and in {} at most {} fit; give it a shorter one",
                          what, length, folder.string(), longest));
}

}  // namespace

std::size_t longest_name(const fs::path& folder) {
  const long longest = ::pathconf(folder.c_str(), _PC_NAME_MAX);
  return longest > 0 ? static_cast<std::size_t>(longest) : 255;
}

std::string checked_unit(const fs::path& unit, const fs::path& folder, std::size_t longest) {
  std::string name = unit.lexically_normal().string();
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  if (!stays_inside(name))
    throw Error(fmt::format("'{}' is not inside the output folder {}; name a file or folder below it",
                            unit.string(), folder.string()));
  if (name.find('\0') != std::string::npos || !is_utf8(name))
    throw Error(fmt::format("'{}' cannot be the name of an output in {}: it is no UTF-8 text, or has a NUL",
                            shown(unit.string()), folder.string()));
  for (const fs::path& part : fs::path(name))
    if (part.native().size() > longest)
      throw_too_long(fmt::format("the name '{}'", part.string()), part.native().size(), folder, longest);
  return name;
}

void check_scope_name(const std::string& scope, const fs::path& folder, std::size_t longest) {
  if (scope.empty() || scope == "." || scope == ".." || scope.find('/') != std::string::npos ||
      scope.find('\0') != std::string::npos)
    throw Error(
        fmt::format("'{}' cannot be a file name in {}: it is empty, '.' or '..', or has a '/' or NUL; "
                    "choose another name",
                    shown(scope), folder.string()));
  const std::size_t room = longest > longest_ending.size() ? longest - longest_ending.size() : 0;
  if (scope.size() > room) throw_too_long(fmt::format("the name '{}'", scope), scope.size(), folder, room);
}

bool stays_inside(const fs::path& unit) {
  const fs::path normal = unit.lexically_normal();
  return !normal.empty() && normal.is_relative() && *normal.begin() != ".." && *normal.begin() != "." &&
         (*normal.begin() != ".flowrun" || normal.string().starts_with(kept_units));
}

std::string kept_unit(const std::string& node, const std::string& scope) {
  std::string folder = node;
  std::replace(folder.begin(), folder.end(), '/', '~');  // a node of a file that the graph uses
  return fmt::format("{}{}/{}", kept_units, folder, scope);
}

bool lies_in(const std::string& unit, const std::string& other) {
  return unit.starts_with(other) && (unit.size() == other.size() || unit[other.size()] == '/');
}

std::string opener_of(const std::string& scope) {
  const auto dot = scope.find('.');
  return dot == std::string::npos ? scope : scope.substr(0, dot + 1);
}

std::string path_to_text(const fs::path& path) {
  std::string text;
  for (const char c : path.native())
    if (c > ' ' && c <= '~' && c != '%')
      text += c;
    else
      text += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return text;
}

fs::path path_from_text(const std::string& text) {
  std::string path;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] == '%' && i + 2 < text.size()) {
      path += static_cast<char>(std::strtol(text.substr(i + 1, 2).c_str(), nullptr, 16));
      i += 2;
    } else {
      path += text[i];
    }
  return path;
}

}  // namespace flowrun
