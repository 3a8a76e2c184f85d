// SPDX-License-Identifier: Apache-2.0
#include "nodes/slide/tile_buffers.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

using namespace flowrun::wsi;

TEST_CASE("buffers for tiles: apart from each other, used again, and alive after the pool") {
  for (const std::size_t bytes : {std::size_t{3}, std::size_t{172800}, std::size_t{9} << 20}) {
    CAPTURE(bytes);
    auto pool = std::make_unique<TileBuffers>(bytes);
    std::vector<TileBuffer> buffers;
    for (int i = 0; i < 60; ++i) {
      buffers.push_back(pool->take());
      std::fill_n(buffers.back().get(), std::min<std::size_t>(bytes, 200000), static_cast<std::uint8_t>(i));
    }
    const std::uint8_t* const last = buffers.back().get();
    buffers.pop_back();
    buffers.push_back(pool->take());
    CHECK(buffers.back().get() == last);
    pool.reset();
    for (int i = 0; i < 60; ++i) {
      const std::uint8_t* const buffer = buffers[static_cast<std::size_t>(i)].get();
      CHECK(std::all_of(buffer, buffer + std::min<std::size_t>(bytes, 200000),
                        [&](int value) { return value == i; }));
    }
  }
}
