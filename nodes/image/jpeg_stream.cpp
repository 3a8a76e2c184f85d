// SPDX-License-Identifier: Apache-2.0
#include "jpeg_stream.h"

#include <flowrun/error.h>

#include <array>

namespace flowrun::wsi {
namespace {

constexpr std::array<std::uint8_t, 2> start_of_image{0xff, 0xd8};
constexpr std::uint8_t end_of_image = 0xd9;
/// APP14, version 100, no flags, transform 0.
constexpr std::array<std::uint8_t, 16> adobe_rgb{0xff, 0xee, 0,   14, 'A', 'd', 'o', 'b',
                                                 'e',  0,    100, 0,  0,   0,   0,   0};

bool is_jpeg(std::span<const std::uint8_t> bytes) {
  return bytes.size() >= 4 && bytes[0] == start_of_image[0] && bytes[1] == start_of_image[1];
}

}  // namespace

void complete_jpeg(std::span<const std::uint8_t> stream, std::span<const std::uint8_t> tables, bool rgb,
                   std::vector<std::uint8_t>& out) {
  if (!is_jpeg(stream) || (!tables.empty() && !is_jpeg(tables))) throw Error("not a JPEG stream");
  out.assign(start_of_image.begin(), start_of_image.end());
  if (rgb) out.insert(out.end(), adobe_rgb.begin(), adobe_rgb.end());
  if (!tables.empty()) {
    const bool ended = tables[tables.size() - 2] == 0xff && tables.back() == end_of_image;
    out.insert(out.end(), tables.begin() + 2, tables.end() - (ended ? 2 : 0));
  }
  out.insert(out.end(), stream.begin() + 2, stream.end());
}

}  // namespace flowrun::wsi
