// SPDX-License-Identifier: Apache-2.0
#include "tiff_levels.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>

namespace flowrun::wsi {
namespace {

bool may_be_level(const SlideFacts& facts, const TiffPage& page) {
  return page.tiled && (facts.vendor == "aperio" || page.number == 0 || page.reduced);
}

}  // namespace

std::vector<TiffPage> pages_of_levels(const SlideFacts& facts, const std::vector<TiffPage>& pages) {
  std::vector<TiffPage> found;
  for (const Level& level : facts.levels) {
    const auto fits = [&](const TiffPage& page) {
      return may_be_level(facts, page) && page.width == level.width && page.height == level.height;
    };
    const auto page = std::find_if(pages.begin(), pages.end(), fits);
    if (page == pages.end()) throw Error(fmt::format("no page is its level {}", found.size()));
    if (std::find_if(page + 1, pages.end(), fits) != pages.end())
      throw Error(fmt::format("two pages have the size of its level {}", found.size()));
    found.push_back(*page);
  }
  return found;
}

void check_levels(const SlideFacts& facts, const std::vector<TiffPage>& pages) {
  if (facts.vendor != "aperio" && facts.vendor != "generic-tiff") return;
  for (const TiffPage& page : pages) {
    if (!may_be_level(facts, page)) continue;
    if (!page.lists_all_tiles)
      throw Error(fmt::format("{}: damaged slide: page {} does not list all of its tiles",
                              facts.path.string(), page.number));
    if (page.orientation != ORIENTATION_TOPLEFT)
      throw Error(fmt::format(
          "{}: page {} is turned or mirrored: its tag Orientation is {}, expected 1 (rows from the top, "
          "columns from the left); write the slide anew as it is to be seen, or, if the tag is wrong, "
          "correct it with: tiffset -d {} -s 274 1 FILE",
          facts.path.string(), page.number, page.orientation, page.number));
  }
}

bool is_readable(const TiffPage& page) {
  constexpr std::int64_t largest_side = 1024;
  const auto fits = [](std::int64_t side) { return side >= 1 && side <= largest_side; };
  if (!page.tiled || !fits(page.tile_width) || !fits(page.tile_height) || page.depth != 1) return false;
  if (page.channels != 3 || page.bits != 8 || !page.contiguous) return false;
  if (page.predictor != PREDICTOR_NONE && page.predictor != PREDICTOR_HORIZONTAL) return false;
  const bool rgb = page.photometric == PHOTOMETRIC_RGB;
  switch (page.compression) {
    case COMPRESSION_JPEG:
      return rgb || page.photometric == PHOTOMETRIC_YCBCR;
    case aperio_rgb_jpeg2000:
      return true;
    case COMPRESSION_NONE:
    case COMPRESSION_LZW:
    case COMPRESSION_PACKBITS:
    case COMPRESSION_DEFLATE:
    case COMPRESSION_ADOBE_DEFLATE:
      return rgb;
    default:
      return false;
  }
}

}  // namespace flowrun::wsi
