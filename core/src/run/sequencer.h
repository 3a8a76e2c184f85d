// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>

namespace flowrun {

/// Puts what arrives in any order back into the order of its index. An index that will never come is told by
/// skip(). Not thread-safe.
template <class T>
class Sequencer {
 public:
  void put(std::uint64_t index, T item) { waiting_.emplace(index, std::move(item)); }
  void skip(std::uint64_t index) { waiting_.emplace(index, std::nullopt); }

  /// The next item in order with its index, if it is there.
  std::optional<std::pair<std::uint64_t, T>> pop() {
    while (!waiting_.empty() && waiting_.begin()->first == next_) {
      std::optional<T> item = std::move(waiting_.begin()->second);
      waiting_.erase(waiting_.begin());
      const std::uint64_t index = next_++;
      if (item) return std::pair(index, std::move(*item));
    }
    return std::nullopt;
  }

 private:
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, std::optional<T>> waiting_;
};

}  // namespace flowrun
