// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/error.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace flowrun {

/// Where a value stands in a graph file; line and column count from 1.
struct Place {
  int line = 1;
  int column = 1;
  int file = 0;  ///< 0: the graph itself; above: files that it uses
};

/// A value of a graph file with its place: a scalar, a list or a map. Keys keep their order and place.
struct Value {
  enum class Kind { null, scalar, list, map };
  struct Key {
    std::string text;
    Place place;
  };
  Kind kind = Kind::null;
  std::string text;                            ///< of a scalar, after ${} substitution
  std::vector<Value> items;                    ///< of a list
  std::vector<std::pair<Key, Value>> entries;  ///< of a map
  Place place;
  bool broken = false;         ///< a mistake in it has been reported: no more of it
  std::filesystem::path base;  ///< what a relative path in it is relative to

  /// The entry of a map, or null.
  const Value* find(std::string_view key) const;
};

/// A mistake in one part of a value.
class ValueError : public Error {
 public:
  ValueError(Place place, const std::string& message) : Error(message), place(place) {}
  Place place;  ///< of the part
};

/// Converts a value into an option's type. Each throws Error("expected ..., found ...").
void convert(const Value& value, bool& out);
void convert(const Value& value, int& out);
void convert(const Value& value, std::int64_t& out);
void convert(const Value& value, double& out);
void convert(const Value& value, std::string& out);
void convert(const Value& value, std::filesystem::path& out);
template <class T>
void convert(const Value& value, std::optional<T>& out) {
  if (value.kind == Value::Kind::null) return out.reset();
  convert(value, out.emplace());
}
/// A list; a single value stands for a list of one.
template <class T>
void convert(const Value& value, std::vector<T>& out) {
  out.clear();
  if (value.kind != Value::Kind::list) return convert(value, out.emplace_back());
  for (const Value& item : value.items) convert(item, out.emplace_back());
}
/// The entries of `value`, by key. Throws Error when it is no map.
const std::vector<std::pair<Value::Key, Value>>& entries_of(const Value& value);
/// A map from names; throws ValueError where an entry does not fit.
template <class T>
void convert(const Value& value, std::map<std::string, T>& out) {
  out.clear();
  for (const auto& [key, entry] : entries_of(value)) try {
      convert(entry, out[key.text]);
    } catch (const ValueError&) {
      throw;
    } catch (const Error& problem) {
      throw ValueError(entry.place, "'" + key.text + "': " + problem.what());
    }
}

/// The name of an option's type and its value, as `flowrun nodes` prints them.
template <class T>
struct OptionType;
template <>
struct OptionType<bool> {
  static std::string name() { return "bool"; }
  static std::string text(bool v) { return v ? "true" : "false"; }
};
template <>
struct OptionType<int> {
  static std::string name() { return "integer"; }
  static std::string text(int v) { return std::to_string(v); }
};
template <>
struct OptionType<std::int64_t> {
  static std::string name() { return "integer"; }
  static std::string text(std::int64_t v) { return std::to_string(v); }
};
template <>
struct OptionType<double> {
  static std::string name() { return "number"; }
  static std::string text(double v);
};
template <>
struct OptionType<std::string> {
  static std::string name() { return "text"; }
  static std::string text(const std::string& v) { return v; }
};
template <>
struct OptionType<std::filesystem::path> {
  static std::string name() { return "path"; }
  static std::string text(const std::filesystem::path& v) { return v.string(); }
};
template <class T>
struct OptionType<std::optional<T>> {
  static std::string name() { return OptionType<T>::name(); }
  static std::string text(const std::optional<T>& v) { return v ? OptionType<T>::text(*v) : "none"; }
};
template <class T>
struct OptionType<std::vector<T>> {
  static std::string name() { return "list of " + OptionType<T>::name(); }
  static std::string text(const std::vector<T>& v) {
    std::string out = "[";
    for (const T& item : v) out += (out.size() > 1 ? ", " : "") + OptionType<T>::text(item);
    return out + "]";
  }
};
template <class T>
struct OptionType<std::map<std::string, T>> {
  static std::string name() { return "map of " + OptionType<T>::name(); }
  static std::string text(const std::map<std::string, T>& v) {
    std::string out = "{";
    for (const auto& [key, item] : v)
      out += (out.size() > 1 ? ", " : "") + key + ": " + OptionType<T>::text(item);
    return out + "}";
  }
};

}  // namespace flowrun
