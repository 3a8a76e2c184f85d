// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace flowrun::wsi {

/// SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): one step mixes all bits. Unlike the standard distributions
/// it gives the same numbers with every standard library.
constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// What chance holds for a slide under a seed, and for a place on it: numbers that depend on nothing else,
/// whatever runs before or beside it.
constexpr std::uint64_t chance_of(std::uint64_t seed, std::string_view slide) {
  std::uint64_t hash = mixed(seed);
  for (const char c : slide) hash = mixed(hash ^ static_cast<unsigned char>(c));
  return hash;
}
constexpr std::uint64_t chance_at(std::uint64_t of_slide, std::int64_t x, std::int64_t y) {
  return mixed(of_slide ^ mixed(mixed(static_cast<std::uint64_t>(x)) ^ static_cast<std::uint64_t>(y)));
}

}  // namespace flowrun::wsi
