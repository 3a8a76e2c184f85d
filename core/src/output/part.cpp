// SPDX-License-Identifier: Apache-2.0
#include "output/part.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <charconv>
#include <string_view>

namespace flowrun {
namespace {

std::optional<Part> parsed(std::string_view text, std::string_view between) {
  const auto number = [&](std::string_view digits) {
    int value = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return problem == std::errc() && end == digits.data() + digits.size() ? value : 0;
  };
  const auto at = text.find(between);
  if (at == std::string_view::npos) return {};
  const Part part{number(text.substr(0, at)), number(text.substr(at + between.size()))};
  return part.number >= 1 && part.number <= part.count ? std::optional(part) : std::nullopt;
}

}  // namespace

std::string to_string(const Part& part) {
  return fmt::format("{}/{}", part.number, part.count);
}

Part part_from(const std::string& text) {
  if (const auto part = parsed(text, "/")) return *part;
  throw Error(
      fmt::format("'{}' is no part: expected NUMBER/COUNT, such as 3/16 for the third of sixteen, with "
                  "numbers from 1 to COUNT",
                  text));
}

Room room_of(const std::optional<Part>& part) {
  return part ? Room(fmt::format("parts/{}-of-{}", part->number, part->count)) : Room();
}

std::optional<Part> part_in(const Room& room) {
  return parsed(room.filename().string(), "-of-");
}

Room room_of(const std::optional<Part>& part, const Rank& rank) {
  return rank.number > 0 ? Room(fmt::format("ranks/{}", rank.number)) : room_of(part);
}

std::optional<int> rank_in(const Room& room) {
  const std::string name = room.filename().string();
  int rank = 0;
  const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), rank);
  const bool is_one = room.parent_path() == "ranks" && problem == std::errc() && rank > 0;
  return is_one && end == name.data() + name.size() ? std::optional(rank) : std::nullopt;
}

}  // namespace flowrun
