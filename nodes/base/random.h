// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace flowrun::wsi {

/// What SplitMix64 (Steele, Lea, Flood, OOPSLA 2014) adds to its state for each number.
constexpr std::uint64_t splitmix_step = 0x9e3779b97f4a7c15;

/// A good mix of 64 bits (the finaliser of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

/// One number for a seed and a text.
constexpr std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  std::uint64_t hash = mix(seed + splitmix_step);
  for (const char c : text) hash = mix(hash ^ static_cast<unsigned char>(c)) + splitmix_step;
  return hash;
}

/// What chance holds for a slide under a seed, and for a place on it: numbers that depend on nothing else,
/// whatever runs before or beside it.
constexpr std::uint64_t chance_of(std::uint64_t seed, std::string_view slide) {
  std::uint64_t hash = mix(seed + splitmix_step);
  for (const char c : slide) hash = mix((hash ^ static_cast<unsigned char>(c)) + splitmix_step);
  return hash;
}
constexpr std::uint64_t chance_at(std::uint64_t of_slide, std::int64_t x, std::int64_t y) {
  const std::uint64_t of_x = mix(static_cast<std::uint64_t>(x) + splitmix_step);
  const std::uint64_t of_place = mix((of_x ^ static_cast<std::uint64_t>(y)) + splitmix_step);
  return mix((of_slide ^ of_place) + splitmix_step);
}

/// SplitMix64. Unlike the standard distributions it draws the same numbers with every standard library, which
/// "the same seed gives the same file" needs.
class Random {
 public:
  /// `stream` tells apart the uses of one seed, so that a change in one of them leaves the others alone.
  Random(std::uint64_t seed, std::uint64_t stream)
      : state_(mix(seed + 0x632be59bd9b4e019ULL) ^ mix(~stream)) {}

  std::uint64_t bits() { return mix(state_ += splitmix_step); }
  /// In [0, 1).
  double uniform() { return static_cast<double>(bits() >> 11) * 0x1p-53; }
  /// In [low, high).
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// In 0 to count - 1; `count` is above 0 and far below 2^64, so that the remainder's bias is nil.
  std::uint64_t below(std::uint64_t count) { return bits() % count; }
  /// Puts the items in a random order, each as likely as any other (Fisher and Yates).
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_;
};

}  // namespace flowrun::wsi
