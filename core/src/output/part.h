// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/rank.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun {

/// A share of the scopes of a run: the runs of all parts do them all, on as many machines, in the same output
/// folders. Which scopes belong to it the run tells (see share_out()).
struct Part {
  int number = 1;  ///< from 1 to `count`
  int count = 1;
  bool operator==(const Part&) const = default;
};

/// "3/16".
std::string to_string(const Part& part);
/// Throws Error.
Part part_from(const std::string& text);

/// Where a run keeps what no other run touches, relative to `.flowrun/`: "parts/3-of-16", or "" of one that
/// does all.
using Room = std::filesystem::path;
Room room_of(const std::optional<Part>& part);
/// The part whose room it is.
std::optional<Part> part_in(const Room& room);
/// The same of a rank other than 0, "ranks/2"; else that of the part.
Room room_of(const std::optional<Part>& part, const Rank& rank);
std::optional<int> rank_in(const Room& room);

}  // namespace flowrun
