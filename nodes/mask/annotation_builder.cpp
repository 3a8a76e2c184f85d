// SPDX-License-Identifier: Apache-2.0
#include "annotation_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <set>
#include <utility>

#include "nodes/base/text.h"

namespace flowrun::wsi {
namespace {

constexpr double farthest = 1e9;

bool has_three_points(const AnnotationBuilder::Ring& ring) {
  const auto other = std::find_if(ring.begin(), ring.end(), [&](const auto& p) { return p != ring[0]; });
  return other != ring.end() &&
         std::any_of(other, ring.end(), [&](const auto& p) { return p != ring[0] && p != *other; });
}

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const unsigned char c : text)
    if (c < 0x80)
      out += static_cast<char>(c);
    else
      (out += static_cast<char>(0xc0 | c >> 6)) += static_cast<char>(0x80 | (c & 0x3f));
  return out;
}

std::optional<double> plain_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size()) return {};
  return value;
}

std::size_t digits_at(std::string_view text, std::size_t at) {
  std::size_t count = 0;
  while (at + count < text.size() && std::isdigit(static_cast<unsigned char>(text[at + count]))) ++count;
  return count;
}

/// With points for decimal commas, and without commas between thousands; nothing when it could be either.
std::optional<std::string> without_commas(std::string_view text) {
  const std::size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  const std::size_t comma = text.find(',');
  const bool one = text.find(',', comma + 1) == std::string_view::npos;
  const bool point = text.find('.') != std::string_view::npos;
  const std::size_t before = digits_at(text, sign);
  bool thousands = before >= 1 && before <= 3 && text[sign] != '0' && sign + before == comma;
  for (std::size_t at = comma; at != std::string_view::npos; at = text.find(',', at + 1))
    thousands = thousands && digits_at(text, at + 1) == 3;
  std::string out(text);
  if (one && !point && !thousands) return out.replace(comma, 1, ".");
  if (!thousands || (one && !point)) return {};
  std::erase(out, ',');
  return out;
}

std::string several_of(std::string_view what) {
  return what == "geometry" ? "geometries" : std::string(what) + "s";
}

}  // namespace

std::string in_quotes(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string out = "'";
  for (const char c : text.substr(0, most)) out += c >= 0x20 && c < 0x7f ? c : '?';
  return out + (text.size() > most ? "...'" : "'");
}

double AnnotationBuilder::checked(double value, const char* what, std::size_t offset) {
  if (std::isfinite(value) && std::abs(value) <= farthest) return value;
  throw Malformed(offset, fmt::format("{} is {}; a coordinate is a number of level-0 pixels from -1e9 to 1e9",
                                      what, value));
}

double AnnotationBuilder::coordinate(std::string_view text, const char* what, std::size_t offset) {
  if (const auto number = plain_number(text)) return checked(*number, what, offset);
  const std::string_view bare = trimmed(trimmed(text), " \t\r\n,;");
  std::optional<double> number = plain_number(bare);
  if (!number && bare.find(',') != std::string_view::npos)
    if (const auto english = without_commas(bare)) number = plain_number(*english);
  if (!number)
    throw Malformed(offset, fmt::format("{} is {}; a coordinate is a number of level-0 pixels such as 1234.5",
                                        what, in_quotes(text)));
  count("coordinate with commas or spaces was read as the number that it must be",
        "coordinates with commas or spaces were read as the numbers that they must be");
  return checked(*number, what, offset);
}

void AnnotationBuilder::count(const std::string& one, const std::string& several) {
  ++counts_[{one, several}];
}

std::size_t AnnotationBuilder::class_of(std::string name, const Colour& colour) {
  const auto [it, is_new] = classes_.try_emplace(std::move(name), file_.classes.size());
  if (is_new) file_.classes.push_back({it->first, {}});
  auto& known = file_.classes[it->second];
  if (!known.rgb) known.rgb = colour;
  return it->second;
}

void AnnotationBuilder::no_area(std::string_view what, std::string_view type) {
  known_ = true;
  count(fmt::format("{} of type {} is no area: left out", what, type),
        fmt::format("{} of type {} are no areas: left out", several_of(what), type));
}

void AnnotationBuilder::unknown(const std::string& what) {
  if (unknown_++ == 0) first_unknown_ = what;
}

void AnnotationBuilder::add(std::string_view name, const Colour& colour, Kind kind, std::vector<Ring> rings) {
  if (rings.empty() || !has_three_points(rings.front()))
    return count("region with fewer than 3 points left out", "regions with fewer than 3 points left out");
  const std::size_t all = rings.size();
  std::erase_if(rings, [](const Ring& ring) { return !has_three_points(ring); });
  for (std::size_t i = rings.size(); i < all; ++i)
    count("hole with fewer than 3 points left out", "holes with fewer than 3 points left out");
  std::string words(trimmed(name));
  if (!is_utf8(words)) {
    words = from_latin1(words);
    count("region has a name that is not UTF-8; it was read as Latin-1",
          "regions have names that are not UTF-8; they were read as Latin-1");
  }
  if (words.empty() && !kind.hole)
    count("region without a name is of the class 'unnamed'",
          "regions without a name are of the class 'unnamed'");
  if (words.empty()) words = "unnamed";
  // A hole belongs to no class, and makes none appear.
  const std::size_t of_class = kind.hole ? 0 : class_of(std::move(words), colour);
  file_.regions.push_back({of_class, std::move(rings), kind.layer, kind.hole, kind.winding});
}

AnnotationFile AnnotationBuilder::finish() {
  std::set<std::uint32_t> layers;
  for (const auto& region : file_.regions)
    if (!region.hole) layers.insert(region.layer);
  for (const auto& region : file_.regions)
    if (region.hole && !layers.contains(region.layer))
      count("hole has no region in its layer, and cuts nothing",
            "holes have no region in their layer, and cut nothing");
  if (unknown_ > 0 && !known_ && file_.regions.empty())
    throw Malformed(0, fmt::format("nothing in the file is known: no region, but {} other things, the first "
                                   "is {}; save the annotations as ImageScope, HALO, ASAP or QuPath do",
                                   unknown_, first_unknown_));
  if (unknown_ > 0)
    file_.notes.push_back(unknown_ == 1
                              ? fmt::format("1 thing that is not known left out: {}", first_unknown_)
                              : fmt::format("{} things that are not known left out, the first is {}",
                                            unknown_, first_unknown_));
  for (const auto& [text, times] : counts_)
    file_.notes.push_back(fmt::format("{} {}", times, times == 1 ? text.first : text.second));
  file_.regions.shrink_to_fit();
  return std::move(file_);
}

}  // namespace flowrun::wsi
