// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <vector>

#include "nodes/image/tiff_pages.h"

namespace flowrun::wsi {

/// Aperio's own codes of compression: JPEG 2000 of red, green and blue, and of brightness and colour
/// differences.
constexpr std::uint16_t aperio_rgb_jpeg2000 = 33005, aperio_ycbcr_jpeg2000 = 33003;

/// The page of each level. OpenSlide's rules: of Aperio's TIFFs every tiled page is a level, of others the
/// first, and those that are marked as reduced. Throws Error that says why when that does not tell.
std::vector<TiffPage> pages_of_levels(const SlideFacts& facts, const std::vector<TiffPage>& pages);

/// Throws Error when a level's first row and column are not its top and left (tag Orientation), for readers
/// do not agree on what to do then, and some turn each tile by itself; or when it does not list all of its
/// tiles.
void check_levels(const SlideFacts& facts, const std::vector<TiffPage>& pages);

/// Whether the reader without OpenSlide decodes the page's tiles.
bool is_readable(const TiffPage& page);

}  // namespace flowrun::wsi
