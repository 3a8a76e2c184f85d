// SPDX-License-Identifier: Apache-2.0
#include "tile_buffers.h"

#include <algorithm>
#include <new>

#include "nodes/base/huge_pages.h"

namespace flowrun::wsi {

std::uint8_t* TileBuffers::Pool::take() {
  const std::scoped_lock lock(mutex);
  if (free.empty()) add_slab();
  std::uint8_t* const buffer = free.back();
  free.pop_back();
  return buffer;
}

void TileBuffers::Pool::add_slab() {
  // Enough for a slide; what is never used takes no memory.
  constexpr std::size_t usual_slab = 16 * huge_page;
  // Buffers that all began where a page does would take the same places of the processor's caches.
  constexpr std::size_t apart = 16;
  const std::size_t each = bytes + apart;
  const std::size_t buffers = std::max<std::size_t>((usual_slab - apart) / each, 1);
  const std::size_t used = apart + buffers * each;
  free.reserve((slabs.size() + 1) * buffers);  // giving back allocates nothing
  slabs.reserve(slabs.size() + 1);
  Slab slab(static_cast<std::uint8_t*>(
      std::aligned_alloc(huge_page, (used + huge_page - 1) / huge_page * huge_page)));
  if (!slab) throw std::bad_alloc();
  prefer_huge_pages(slab.get(), used);  // never one that is not filled up
  // The first is taken first: pages are there once something in them was used.
  for (std::size_t i = buffers; i-- > 0;) free.push_back(slab.get() + apart + i * each);
  slabs.push_back(std::move(slab));
}

}  // namespace flowrun::wsi
