// SPDX-License-Identifier: Apache-2.0
#include "table_text.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

namespace flowrun::wsi {
namespace {

constexpr std::array<std::string_view, 3> names{"csv", "tsv", "jsonl"};

std::string quoted(std::string_view text, char separator) {
  const std::array<char, 4> special{separator, '"', '\n', '\r'};
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };  // readers drop them at the ends
  const bool at_ends = !text.empty() && (blank(text.front()) || blank(text.back()));
  if (!at_ends &&
      text.find_first_of(std::string_view(special.data(), special.size())) == std::string_view::npos)
    return std::string(text);
  std::string out = "\"";
  for (const char c : text) out.append(c == '"' ? 2 : 1, c);
  return out + '"';
}

std::string json(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

TableText::Format TableText::format(std::string_view name) {
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<Format>(i);
  throw Error(fmt::format("'{}' is no format of tables; there are csv, tsv and jsonl", name));
}

TableText::TableText(Format format, std::vector<std::string> columns)
    : format_(format), columns_(std::move(columns)) {}

std::string_view TableText::extension() const {
  return names[static_cast<std::size_t>(format_)];
}

std::string TableText::header() const {
  if (format_ == Format::jsonl) return {};
  const std::vector<TableCell> cells(columns_.begin(), columns_.end());
  return row(cells);
}

std::string TableText::row(std::initializer_list<TableCell> cells) const {
  return text_row(cells.begin(), cells.size());
}

std::string TableText::row(const std::vector<TableCell>& cells) const {
  return text_row(cells.data(), cells.size());
}

std::string TableText::text_row(const TableCell* cells, std::size_t count) const {
  if (count != columns_.size()) throw std::logic_error("a table's row needs a cell for each column");
  const bool as_json = format_ == Format::jsonl;
  const char separator = format_ == Format::tsv ? '\t' : ',';
  std::string out(as_json ? "{" : "");
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out += separator;
    if (as_json) out += json(columns_[i]) + ":";
    const auto& value = cells[i].value_;
    if (const auto* whole = std::get_if<std::int64_t>(&value))
      out += fmt::format("{}", *whole);
    else if (const auto* real = std::get_if<double>(&value); real && (std::isfinite(*real) || !as_json))
      out += fmt::format("{}", *real);
    else if (const auto* text = std::get_if<std::string_view>(&value))
      out += as_json ? json(*text) : quoted(*text, separator);
    else if (as_json)
      out += "null";
  }
  return out + (as_json ? "}\n" : "\n");
}

}  // namespace flowrun::wsi
