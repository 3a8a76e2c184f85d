// SPDX-License-Identifier: Apache-2.0
#include "nodes/slide/decoded_tile_cache.h"

#include <doctest/doctest.h>

namespace flowrun::wsi {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr CachedLevel large{mebibyte, 100, false}, small{mebibyte, 100, true};

DecodedTile tile() {
  return std::make_shared<std::uint8_t[]>(1);
}

/// Reads as a reader does; says whether the tile had to be decoded.
bool decodes(DecodedTileCache& cache, std::uint64_t key, std::size_t pixels,
             const CachedLevel& level = large) {
  if (cache.find(key, pixels).tile) return false;
  cache.insert(key, tile(), level, pixels);
  return true;
}

}  // namespace

TEST_CASE("decoded tiles: a scan keeps what the next row of windows needs") {
  DecodedTileCache cache(16 * mebibyte);
  for (std::uint64_t half_read = 0; half_read < 10; ++half_read) CHECK(decodes(cache, half_read, 50));
  for (std::uint64_t whole = 100; whole < 200; ++whole) CHECK(decodes(cache, whole, 100));
  for (std::uint64_t half_read = 0; half_read < 10; ++half_read) CHECK_FALSE(decodes(cache, half_read, 50));
  CHECK(decodes(cache, 100, 100));  // was read whole long ago
}

TEST_CASE("decoded tiles: the latest stay, up to the bytes given") {
  DecodedTileCache cache(4 * mebibyte);
  for (std::uint64_t key = 0; key < 5; ++key) decodes(cache, key, 10);
  CHECK(decodes(cache, 0, 10));
  CHECK_FALSE(decodes(cache, 4, 10));
  CHECK(decodes(cache, 1, 10));
}

TEST_CASE("decoded tiles: windows that overlap read whole tiles again, so those stay, too") {
  DecodedTileCache cache(16 * mebibyte);
  for (std::uint64_t key = 0; key < 8; ++key) {
    CHECK(decodes(cache, key, 100));
    CHECK_FALSE(decodes(cache, key, 100));
  }
  for (std::uint64_t key = 0; key < 8; ++key) CHECK_FALSE(decodes(cache, key, 100));
}

TEST_CASE("decoded tiles: a level that fits stays whole") {
  DecodedTileCache cache(16 * mebibyte);
  for (std::uint64_t key = 0; key < 16; ++key) CHECK(decodes(cache, key, 100, small));
  for (std::uint64_t key = 0; key < 16; ++key) CHECK_FALSE(decodes(cache, key, 100, small));
}

TEST_CASE("decoded tiles: one decodes, others are told until it is done or given up") {
  DecodedTileCache cache(16 * mebibyte);
  CHECK_FALSE(cache.find(1, 50).decoding);
  CHECK(cache.find(1, 50).decoding);
  cache.give_up(1);
  CHECK_FALSE(cache.find(1, 50).decoding);
  cache.insert(1, tile(), large, 50);
  const auto found = cache.find(1, 50);
  CHECK(found.tile);
  CHECK_FALSE(found.decoding);
}

}  // namespace flowrun::wsi
