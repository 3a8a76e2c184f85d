// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace flowrun {

/// Numbers by hashes in 16 bytes a place, at most two thirds of them taken. Keys are hashes already.
class HashMap {
 public:
  std::optional<std::uint64_t> find(std::uint64_t key) const {
    if (places_.empty()) return {};
    const Place& place = places_[index_of(key)];
    return place.key == not_zero(key) ? std::optional(place.value) : std::nullopt;
  }

  void set(std::uint64_t key, std::uint64_t value) {
    if (3 * (taken_ + 1) > 2 * places_.size()) grow();
    Place& place = places_[index_of(key)];
    taken_ += place.key == 0;
    place = {not_zero(key), value};
  }

 private:
  struct Place {
    std::uint64_t key = 0;  // 0: empty
    std::uint64_t value = 0;
  };

  static std::uint64_t not_zero(std::uint64_t key) { return key == 0 ? 1 : key; }

  /// The place of the key, or the empty one where it would be.
  std::size_t index_of(std::uint64_t key) const {
    std::size_t at = not_zero(key) & (places_.size() - 1);
    while (places_[at].key != 0 && places_[at].key != not_zero(key)) at = (at + 1) & (places_.size() - 1);
    return at;
  }

  void grow() {
    std::vector<Place> before(places_.empty() ? 64 : 2 * places_.size());
    before.swap(places_);
    for (const Place& place : before)
      if (place.key != 0) places_[index_of(place.key)] = place;
  }

  std::vector<Place> places_;  // their number is a power of two
  std::size_t taken_ = 0;
};

}  // namespace flowrun
