// SPDX-License-Identifier: Apache-2.0
#include <flowrun/error.h>
#include <flowrun/value.h>
#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace flowrun {
namespace {

std::string found(const Value& value) {
  switch (value.kind) {
    case Value::Kind::null:
      return "nothing";
    case Value::Kind::list:
      return "a list";
    case Value::Kind::map:
      return "a map";
    case Value::Kind::scalar:
      break;
  }
  return fmt::format("'{}'", value.text);
}

[[noreturn]] void expected(const char* what, const Value& value) {
  throw Error(fmt::format("expected {}, found {}", what, found(value)));
}

template <class Number>
Number number(const Value& value, const char* what) {
  Number out{};
  const char* end = value.text.data() + value.text.size();
  const auto [rest, problem] = std::from_chars(value.text.data(), end, out);
  if (value.kind != Value::Kind::scalar || value.text.empty() || problem != std::errc() || rest != end)
    expected(what, value);
  return out;
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : entries)
    if (name.text == key) return &value;
  return nullptr;
}

void convert(const Value& value, bool& out) {
  if (value.kind != Value::Kind::scalar || (value.text != "true" && value.text != "false"))
    expected("true or false", value);
  out = value.text == "true";
}

void convert(const Value& value, int& out) {
  out = number<int>(value, "an integer");
}
void convert(const Value& value, std::int64_t& out) {
  out = number<std::int64_t>(value, "an integer");
}
void convert(const Value& value, double& out) {
  out = number<double>(value, "a number");
  if (!std::isfinite(out)) expected("a finite number", value);
}

void convert(const Value& value, std::string& out) {
  if (value.kind != Value::Kind::scalar) expected("a text", value);
  out = value.text;
}

void convert(const Value& value, std::filesystem::path& out) {
  if (value.kind != Value::Kind::scalar || value.text.empty()) expected("a path", value);
  out = (value.base / value.text).lexically_normal();
}

const std::vector<std::pair<Value::Key, Value>>& entries_of(const Value& value) {
  if (value.kind != Value::Kind::map) expected("a map such as {name: value}", value);
  return value.entries;
}

std::string OptionType<double>::text(double v) {
  return fmt::format("{}", v);
}

}  // namespace flowrun
