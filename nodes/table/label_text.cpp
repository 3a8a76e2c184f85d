// SPDX-License-Identifier: Apache-2.0
#include "label_text.h"

#include <charconv>
#include <cmath>
#include <optional>
#include <string_view>

#include "nodes/base/text.h"

namespace flowrun::wsi {
namespace {

/// In long double, whose 64 bits tell all of std::int64_t apart.
std::optional<long double> number_in(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  long double value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_number = problem == std::errc() && rest == text.data() + text.size() && std::isfinite(value);
  return is_number ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string label_text(const std::string& field) {
  return std::string(trimmed(field));
}

const LabelNumbers::Label* LabelNumbers::add(const std::string& text, std::int64_t tag) {
  const auto number = number_in(text);
  if (!number) return nullptr;
  const auto [it, is_new] = first_.try_emplace(*number, Label{text, tag});
  return is_new || it->second.text == text ? nullptr : &it->second;
}

}  // namespace flowrun::wsi
