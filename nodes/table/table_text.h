// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace flowrun::wsi {

/// One value in a table of text: nothing, a whole number, a number, or text (which it does not own).
class TableCell {
 public:
  TableCell(std::nullopt_t) {}
  TableCell(std::integral auto value) : value_(static_cast<std::int64_t>(value)) {}
  TableCell(double value) : value_(value) {}
  template <class Text>
  requires std::convertible_to<const Text&, std::string_view> TableCell(const Text& text)
      : value_(std::string_view(text)) {}
  template <class T>
  TableCell(const std::optional<T>& value) {
    if (value) *this = TableCell(*value);
  }

 private:
  friend class TableText;
  std::variant<std::monostate, std::int64_t, double, std::string_view> value_;
};

/// Writes the rows of a table as text, the only place where tables are quoted. Numbers are written with the
/// fewest digits that read back the same, whatever the locale. Immutable, thread-safe.
///
///   csv, tsv: a header, then rows, each ended by LF; fields with the separator, quotes or line breaks are
///             quoted (RFC 4180); what is missing is empty
///   jsonl:    an object a row (JSON Lines), no header; what is missing, infinite or no number is null, and
///             bytes that are no UTF-8 become U+FFFD
class TableText {
 public:
  enum class Format { csv, tsv, jsonl };
  /// Of "csv", "tsv" or "jsonl". Throws Error for anything else.
  static Format format(std::string_view name);

  TableText(Format format, std::vector<std::string> columns);

  /// The text before the first row; empty for jsonl.
  std::string header() const;
  /// A row with a cell for each column.
  std::string row(std::initializer_list<TableCell> cells) const;
  std::string row(const std::vector<TableCell>& cells) const;
  /// "csv", "tsv" or "jsonl".
  std::string_view extension() const;
  bool operator==(const TableText&) const = default;

 private:
  std::string text_row(const TableCell* cells, std::size_t count) const;

  Format format_;
  std::vector<std::string> columns_;
};

}  // namespace flowrun::wsi
