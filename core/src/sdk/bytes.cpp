// SPDX-License-Identifier: Apache-2.0
#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

namespace flowrun {
namespace {

constexpr std::array<std::pair<std::string_view, double>, 10> units{{{"", 1},
                                                                     {"b", 1},
                                                                     {"kb", 1e3},
                                                                     {"mb", 1e6},
                                                                     {"gb", 1e9},
                                                                     {"tb", 1e12},
                                                                     {"kib", 1024.0},
                                                                     {"mib", 1048576.0},
                                                                     {"gib", 1073741824.0},
                                                                     {"tib", 1099511627776.0}}};

std::string lower_without_spaces(std::string_view text) {
  std::string out;
  for (unsigned char c : text)
    if (!std::isspace(c)) out += static_cast<char>(std::tolower(c));
  return out;
}

}  // namespace

std::size_t parse_bytes(std::string_view text) {
  const std::string compact = lower_without_spaces(text);
  double number = 0;
  const auto [rest, problem] = std::from_chars(compact.data(), compact.data() + compact.size(), number);
  const std::string_view unit(rest, compact.data() + compact.size() - rest);
  const auto known = std::find_if(units.begin(), units.end(), [&](auto& u) { return u.first == unit; });
  if (problem != std::errc() || known == units.end() || !(number >= 0) || number * known->second > 9e15)
    throw Error(fmt::format("expected a size such as '512 MiB' or '2GB', found '{}'", text));
  return static_cast<std::size_t>(number * known->second);
}

std::string format_bytes(std::size_t bytes) {
  if (bytes < KiB) return fmt::format("{} bytes", bytes);
  double value = static_cast<double>(bytes);
  std::string_view unit;
  for (std::string_view next : {"KiB", "MiB", "GiB", "TiB"}) {
    if (value < 1024 && !unit.empty()) break;
    value /= 1024;
    unit = next;
  }
  std::string number = fmt::format("{:.1f}", value);
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return fmt::format("{} {}", number, unit);
}

}  // namespace flowrun
