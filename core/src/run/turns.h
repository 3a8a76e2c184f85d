// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>

namespace flowrun {

/// Which indexes of a scope are in their turn at a place where leases are taken: the lowest `slots` of those
/// that are not closed, whether they have come already or not. Not thread-safe.
class Turns {
 public:
  explicit Turns(std::uint64_t slots) : end_(slots) {}

  /// Of an index that is not closed.
  bool has(std::uint64_t index) const { return index < end_; }
  /// The index needs nothing more here, once and for all. Gives the index whose turn has come with that.
  std::optional<std::uint64_t> close(std::uint64_t index);
  /// All below are in their turn or closed.
  std::uint64_t end() const { return end_; }

 private:
  std::uint64_t end_;
  std::map<std::uint64_t, std::uint64_t> closed_;  // [first, second) at or above end_, none touching another
};

}  // namespace flowrun
