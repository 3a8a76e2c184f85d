// SPDX-License-Identifier: Apache-2.0
#include "graph/parameters.h"

#include <fmt/format.h>

#include <cstdlib>

namespace flowrun {
namespace {

constexpr std::size_t longest_text = 64 * 1024;

}  // namespace

Parameters::Parameters(const Value* declared, const GivenParameters& given, const std::string& file,
                       const std::filesystem::path& folder, Place file_start, Diagnostics& diagnostics)
    : folder_(folder), used_(file_start.file > 0), diagnostics_(diagnostics) {
  if (declared) declare(*declared);
  for (const auto& [name, value] : given) {
    if (parameters_.contains(name)) {
      parameters_[name] = {value.text, value.base};
      continue;
    }
    const std::string none = "it has none: add `params:`";
    const std::string fix = parameters_.empty() ? none : nearest_name(name, names());
    if (value.place)
      diagnostics.error(*value.place, fmt::format("{} has no parameter '{}'", file, name), fix);
    else
      diagnostics.error(declared ? declared->place : file_start,
                        fmt::format("--set {}: the graph has no parameter '{}'", name, name), fix);
  }
}

void Parameters::substitute(Value& value) const {
  for (Value& item : value.items) substitute(item);
  for (auto& [key, entry] : value.entries) substitute(entry);
  if (value.kind != Value::Kind::scalar) return;
  value.base = folder_;
  const std::size_t before = diagnostics_.count();
  value.text = expand(value.text, value.place, value.base);
  value.broken = diagnostics_.count() > before;
}

void Parameters::declare(const Value& declared) {
  if (declared.kind == Value::Kind::null) return;
  if (declared.kind != Value::Kind::map)
    return diagnostics_.error(declared.place, "'params' must be a map", "params: {name: value}");
  for (const auto& [key, value] : declared.entries) {
    if (value.kind == Value::Kind::list || value.kind == Value::Kind::map) {
      diagnostics_.error(value.place, fmt::format("parameter '{}' must be a single value", key.text),
                         fmt::format("a list where it is used: [\"${{{}}}\", ...]", key.text));
      continue;
    }
    Parameter parameter{{}, folder_, value.kind != Value::Kind::null};
    parameter.text = expand(value.text, value.place, parameter.base);
    parameters_[key.text] = parameter;
  }
}

std::string Parameters::expand(const std::string& text, Place place, std::filesystem::path& base) const {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (out.size() > longest_text) {
      diagnostics_.error(place, fmt::format("more than {} bytes after substitution", longest_text));
      return {};
    }
    if (text[i] != '$' || i + 1 == text.size() || (text[i + 1] != '{' && text[i + 1] != '$')) {
      out += text[i];
      continue;
    }
    if (text[i + 1] == '$') {
      out += text[i++];
      continue;
    }
    const auto end = text.find('}', i);
    if (end == std::string::npos) {
      diagnostics_.error(place, fmt::format("'{}' has no closing brace", text.substr(i)), "${name}");
      return out;
    }
    const Parameter parameter = lookup(text.substr(i + 2, end - i - 2), place);
    if (i == 0) base = parameter.base;
    out += parameter.text;
    i = end;
  }
  return out;
}

Parameters::Parameter Parameters::lookup(const std::string& name, Place place) const {
  if (name.starts_with("env:")) {
    const char* value = std::getenv(name.c_str() + 4);
    if (!value)
      diagnostics_.error(place, fmt::format("environment variable '{}' is not set", name.substr(4)),
                         "set it, or use a parameter");
    return {value ? value : "", std::filesystem::current_path()};
  }
  const auto it = parameters_.find(name);
  if (it != parameters_.end()) {
    if (!it->second.has_value)
      diagnostics_.error(place, fmt::format("parameter '{}' has no value", name),
                         used_ ? fmt::format("give it where the file is used: {}: ...", name)
                               : fmt::format("--set {}=...", name));
    return it->second;
  }
  diagnostics_.error(place, fmt::format("unknown parameter '{}'", name),
                     parameters_.empty() ? "the graph has no `params:`" : nearest_name(name, names()));
  return {"", folder_};
}

std::vector<std::string> Parameters::names() const {
  std::vector<std::string> out;
  for (const auto& [name, parameter] : parameters_) out.push_back(name);
  return out;
}

}  // namespace flowrun
