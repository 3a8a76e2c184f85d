// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// Reads a table of text row by row (RFC 4180): the first row names the columns. Fields may be quoted, a
/// quote within is doubled, quoted fields may have line breaks; lines end in LF, CRLF or CR; a UTF-8 byte
/// order mark and empty lines are skipped; blanks around unquoted fields are dropped. The separator is the
/// tab if the header has one, else the semicolon if it has one and no comma, else the comma. Rows may be
/// shorter than the header, their last fields are then empty, but not longer.
///
/// Holds one row, of at most `most_row_bytes` and `most_columns`. Every member that reads throws Error
/// "FILE:LINE: what is wrong". Not thread-safe.
class CsvReader {
 public:
  static constexpr std::size_t most_row_bytes = std::size_t{1} << 20;
  static constexpr std::size_t most_columns = 4096;

  /// Opens a file and reads its header.
  explicit CsvReader(const std::filesystem::path& file);
  /// The same of any text; `name` stands for the file in errors.
  CsvReader(std::unique_ptr<std::istream> in, std::string name);

  const std::vector<std::string>& columns() const { return columns_; }
  /// The first of `names` that is a column.
  std::optional<std::size_t> find(std::initializer_list<std::string_view> names) const;
  /// The same, or throws.
  std::size_t column(std::initializer_list<std::string_view> names) const;

  /// Goes on to the next row; false at the end.
  bool next();
  /// A field of the row.
  const std::string& field(std::size_t column) const { return fields_.at(column); }
  /// The field as a number; throws when it is none. A whole number may be written "512.0". Where semicolons
  /// separate, a comma is a decimal point, as spreadsheets write it in half of Europe.
  std::int64_t whole_number(std::size_t column) const;
  double number(std::size_t column) const;
  /// The line that the row begins at, from 1.
  std::int64_t line() const { return line_; }
  /// Throws Error with file and line before the message.
  [[noreturn]] void fail(const std::string& message) const;

 private:
  void read_header();
  /// Reads a row into fields_; false at the end of the file.
  bool read_row();
  void read_quoted(std::string& field);
  int get();
  int peek() { return at_ < buffer_.size() || refill() ? static_cast<unsigned char>(buffer_[at_]) : -1; }
  bool refill();
  [[noreturn]] void fail_at(std::int64_t line, const std::string& message) const;

  std::unique_ptr<std::istream> in_;
  std::string name_;
  std::string buffer_;  // of what was read from in_
  std::size_t at_ = 0;  // within it
  char separator_ = ',';
  std::vector<std::string> columns_;
  std::vector<std::string> fields_;
  std::int64_t header_line_ = 1;
  std::int64_t line_ = 1;       // of the row
  std::int64_t next_line_ = 1;  // of what is read next
  std::size_t row_bytes_ = 0;
};

}  // namespace flowrun::wsi
