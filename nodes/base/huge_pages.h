// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace flowrun::wsi {

constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Asks the system to back what has not been touched yet of this memory with huge pages, as far as whole ones
/// lie in it. Pages of 4 KiB cost about as much time to come by as the pixels in them cost to decode.
void prefer_huge_pages(void* memory, std::size_t bytes);

}  // namespace flowrun::wsi
