// SPDX-License-Identifier: Apache-2.0
#include "html.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace flowrun::cli {

std::string escaped(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\'')
      out += "&#39;";
    else if (static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t')
      out += "\uFFFD";
    else
      out += c;
  }
  return out;
}

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t three = 0;
    for (std::size_t k = 0; k < 3; ++k)
      three = three << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? digits[three >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string in_digits(double number) {
  if (!std::isfinite(number)) return "–";
  if (number == std::floor(number) && std::abs(number) < 1e7) return fmt::format("{:.0f}", number);
  return fmt::format("{:.4g}", number);
}

std::string in_groups(unsigned long long number) {
  std::string out = fmt::format("{}", number);
  for (std::size_t i = out.size(); i > 3; i -= 3) out.insert(i - 3, ",");
  return out;
}

std::string plural(const std::string& word) {
  const bool hisses =
      word.ends_with("s") || word.ends_with("x") || word.ends_with("ch") || word.ends_with("sh");
  return word + (hisses ? "es" : "s");
}

std::string counted(unsigned long long number, const std::string& word) {
  return fmt::format("{} {}", number, number == 1 ? word : plural(word));
}

std::string in_time(double seconds) {
  if (seconds < 60) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(std::lround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

}  // namespace flowrun::cli
