// SPDX-License-Identifier: Apache-2.0
#include "csv.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <system_error>
#include <utility>

namespace flowrun::wsi {
namespace {

constexpr int end_of_file = -1;
constexpr std::size_t buffer_bytes = std::size_t{64} << 10;

std::unique_ptr<std::istream> open_table(const std::filesystem::path& file) {
  std::error_code ignored;
  if (std::filesystem::is_directory(file, ignored))
    throw Error(fmt::format("{}: expected a table, found a folder", file.string()));
  errno = 0;
  auto in = std::make_unique<std::ifstream>(file, std::ios::binary);
  if (!*in)
    throw Error(fmt::format("{}: cannot be read: {}", file.string(), std::generic_category().message(errno)));
  return in;
}

bool blank(char c) {
  return c == ' ' || c == '\t';
}

/// The separator of a table whose header goes on as `rest`, outside quotes.
char separator_of(std::string_view rest) {
  bool quoted = false, comma = false, semicolon = false;
  for (const char c : rest) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' || c == '\r') break;
    if (c == '\t') return '\t';
    comma = comma || c == ',';
    semicolon = semicolon || c == ';';
  }
  return semicolon && !comma ? ';' : ',';
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& file) : CsvReader(open_table(file), file.string()) {}

CsvReader::CsvReader(std::unique_ptr<std::istream> in, std::string name)
    : in_(std::move(in)), name_(std::move(name)) {
  read_header();
}

std::optional<std::size_t> CsvReader::find(std::initializer_list<std::string_view> names) const {
  for (const std::string_view name : names)
    if (const auto it = std::find(columns_.begin(), columns_.end(), name); it != columns_.end())
      return static_cast<std::size_t>(it - columns_.begin());
  return {};
}

std::size_t CsvReader::column(std::initializer_list<std::string_view> names) const {
  if (const auto found = find(names)) return *found;
  fail_at(header_line_, fmt::format("there is no column '{}'; the columns are {}", fmt::join(names, "' or '"),
                                    fmt::join(columns_, ", ")));
}

bool CsvReader::next() {
  while (read_row()) {
    if (fields_.size() == 1 && fields_.front().empty()) continue;
    if (fields_.size() > columns_.size())
      fail(fmt::format("{} fields, but there are {} columns", fields_.size(), columns_.size()));
    fields_.resize(columns_.size());
    return true;
  }
  return false;
}

std::int64_t CsvReader::whole_number(std::size_t column) const {
  const std::string& text = fields_.at(column);
  std::int64_t value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc() && rest == text.data() + text.size()) return value;
  const double real = number(column);
  constexpr double most = 9007199254740992;  // 2^53: beyond it doubles leave whole numbers out
  if (std::trunc(real) != real || std::abs(real) > most)
    fail(fmt::format("'{}': expected a whole number, found '{}'", columns_[column], text));
  return static_cast<std::int64_t>(real);
}

double CsvReader::number(std::size_t column) const {
  std::string text = fields_.at(column);
  if (separator_ == ';') std::ranges::replace(text, ',', '.');
  double value = 0;
  const auto [rest, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || rest != text.data() + text.size() || !std::isfinite(value))
    fail(fmt::format("'{}': expected a number, found '{}'", columns_[column], fields_[column]));
  return value;
}

void CsvReader::fail(const std::string& message) const {
  fail_at(line_, message);
}

void CsvReader::fail_at(std::int64_t line, const std::string& message) const {
  throw Error(fmt::format("{}:{}: {}", name_, line, message));
}

void CsvReader::read_header() {
  refill();
  const std::string_view start = buffer_;
  if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff"))
    throw Error(fmt::format("{}: the table is UTF-16; save it as UTF-8", name_));
  if (start.starts_with("\xef\xbb\xbf")) at_ = 3;
  separator_ = separator_of(start.substr(at_));
  do {
    if (!read_row()) throw Error(fmt::format("{}: the table is empty", name_));
  } while (fields_.size() == 1 && fields_.front().empty());
  columns_ = std::move(fields_);
  header_line_ = line_;
  for (auto it = columns_.begin(); it != columns_.end(); ++it)
    if (!it->empty() && std::find(columns_.begin(), it, *it) != it)
      fail(fmt::format("the column '{}' is there twice", *it));
}

bool CsvReader::read_row() {
  fields_.clear();
  row_bytes_ = 0;
  line_ = next_line_;
  if (peek() == end_of_file) return false;
  for (bool more = true; more;) {
    if (fields_.size() == most_columns) fail(fmt::format("more than {} fields", most_columns));
    std::string& field = fields_.emplace_back();
    while (blank(static_cast<char>(peek())) && peek() != separator_) get();
    if (peek() == '"') {
      read_quoted(field);
    } else {
      while (peek() != separator_ && peek() != '\n' && peek() != '\r' && peek() != end_of_file)
        field += static_cast<char>(get());
      while (!field.empty() && blank(field.back())) field.pop_back();
    }
    more = peek() == separator_;
    if (more) get();
  }
  if (get() == '\r' && peek() == '\n') get();
  ++next_line_;
  return true;
}

void CsvReader::read_quoted(std::string& field) {
  const std::int64_t begin = next_line_;
  get();
  for (;;) {
    const int c = get();
    if (c == end_of_file) fail_at(begin, "a quote is not closed");
    if (c == '"' && peek() != '"') break;
    if (c == '"') get();
    if (c == '\n') ++next_line_;
    field += static_cast<char>(c);
  }
  while (blank(static_cast<char>(peek())) && peek() != separator_) get();
  const int after = peek();
  if (after != separator_ && after != '\n' && after != '\r' && after != end_of_file)
    fail_at(begin, fmt::format("'{}' follows a closing quote; a quote within a field is doubled",
                               static_cast<char>(after)));
}

bool CsvReader::refill() {
  buffer_.resize(buffer_bytes);
  in_->read(buffer_.data(), static_cast<std::streamsize>(buffer_.size()));
  buffer_.resize(static_cast<std::size_t>(in_->gcount()));
  at_ = 0;
  if (in_->bad()) throw Error(fmt::format("{}: cannot be read to its end", name_));
  return !buffer_.empty();
}

int CsvReader::get() {
  const int c = peek();
  if (c == end_of_file) return c;
  ++at_;
  if (c == 0) fail_at(next_line_, "this is no text: there is a zero byte");
  if (++row_bytes_ > most_row_bytes) fail("the row is longer than 1 MiB");
  return c;
}

}  // namespace flowrun::wsi
