// SPDX-License-Identifier: Apache-2.0
#include "graph/diagnostics.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <numeric>
#include <tuple>

namespace flowrun {
namespace {

std::string_view line_of(std::string_view text, int line) {
  for (; line > 1; --line) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
  text = text.substr(0, text.find('\n'));
  return text.ends_with('\r') ? text.substr(0, text.size() - 1) : text;
}

/// Letters in front of a column that counts bytes, as yaml-cpp's do (UTF-8 continuation bytes are no
/// letters).
int letters_before(std::string_view line, int column) {
  const std::string_view before = line.substr(0, static_cast<std::size_t>(column - 1));
  const auto continued =
      std::count_if(before.begin(), before.end(), [](char c) { return (c & 0xc0) == 0x80; });
  return column - 1 - static_cast<int>(continued);
}

/// Levenshtein distance without regard to case; a swap of neighbours counts one.
std::size_t distance(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i)
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = lower(a[i - 1]) != lower(b[j - 1]);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + change});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) && lower(a[i - 2]) == lower(b[j - 1]))
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  return d[a.size()][b.size()];
}

}  // namespace

int Diagnostics::add_file(std::string name, std::string text, Place used_at) {
  if (!files_.empty())
    used_at.column = letters_before(line_of(this->text(used_at.file), used_at.line), used_at.column) + 1;
  files_.push_back({std::move(name), std::move(text), used_at});
  return static_cast<int>(files_.size()) - 1;
}

void Diagnostics::error(Place place, std::string message, std::string fix) {
  place.column = letters_before(line_of(text(place.file), place.line), place.column) + 1;
  const Diagnostic mistake{place, std::move(message), std::move(fix)};
  ++count_;
  const auto said = [&](const Diagnostic& other) {
    return name(other.place.file) == name(place.file) && other.place.line == place.line &&
           other.place.column == place.column && other.message == mistake.message;
  };
  if (std::any_of(all_.begin(), all_.end(), said)) return;
  const auto by_place = [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.place.file, a.place.line, a.place.column) <
           std::tie(b.place.file, b.place.line, b.place.column);
  };
  all_.insert(std::upper_bound(all_.begin(), all_.end(), mistake, by_place), mistake);
}

std::string Diagnostics::render() const {
  std::string out;
  for (const Diagnostic& d : all_) {
    out += fmt::format("{}:{}:{}: error: {}\n", name(d.place.file), d.place.line, d.place.column, d.message);
    const std::string_view line = line_of(text(d.place.file), d.place.line);
    std::string indent(static_cast<std::size_t>(d.place.column - 1), ' ');
    for (std::size_t i = 0; i < indent.size() && i < line.size(); ++i)
      if (line[i] == '\t') indent[i] = '\t';
    out += fmt::format("{:5} | {}\n      | {}^{}{}\n", d.place.line, line, indent, d.fix.empty() ? "" : " ",
                       d.fix);
    for (int file = d.place.file; file > 0;) {
      const Place used = files_[static_cast<std::size_t>(file)].used_at;
      out += fmt::format("{}:{}:{}: note: used here\n", name(used.file), used.line, used.column);
      file = used.file;
    }
  }
  return out;
}

std::optional<std::string> near_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (candidates.empty()) return {};
  const auto nearer = [&](const std::string& a, const std::string& b) {
    return distance(name, a) < distance(name, b);
  };
  const std::string& best = *std::min_element(candidates.begin(), candidates.end(), nearer);
  const std::size_t most = std::max<std::size_t>(1, std::max(name.size(), best.size()) / 3);
  return distance(name, best) <= most ? std::optional(best) : std::nullopt;
}

std::string nearest_name(std::string_view name, const std::vector<std::string>& candidates) {
  if (candidates.empty()) return {};
  if (const auto near = near_name(name, candidates)) return fmt::format("did you mean '{}'?", *near);
  return fmt::format("{}{}", candidates.size() > 1 ? "one of " : "only ", fmt::join(candidates, ", "));
}

}  // namespace flowrun
