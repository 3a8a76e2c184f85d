// SPDX-License-Identifier: Apache-2.0
#include "run/turns.h"

#include <iterator>

namespace flowrun {

std::optional<std::uint64_t> Turns::close(std::uint64_t index) {
  if (index < end_) {
    if (!closed_.empty() && closed_.begin()->first == end_) {
      end_ = closed_.begin()->second;
      closed_.erase(closed_.begin());
    }
    return end_++;
  }
  const auto after = closed_.upper_bound(index);
  const auto before = after == closed_.begin() ? closed_.end() : std::prev(after);
  const bool joins_before = before != closed_.end() && before->second == index;
  const bool joins_after = after != closed_.end() && after->first == index + 1;
  if (joins_before && joins_after) {
    before->second = after->second;
    closed_.erase(after);
  } else if (joins_before) {
    ++before->second;
  } else if (joins_after) {
    const std::uint64_t end = after->second;
    closed_.erase(after);
    closed_.emplace(index, end);
  } else {
    closed_.emplace(index, index + 1);
  }
  return {};
}

}  // namespace flowrun
