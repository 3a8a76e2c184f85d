// SPDX-License-Identifier: Apache-2.0
#include "inflate_tile.h"

#include <flowrun/error.h>
#include <libdeflate.h>

#include <memory>
#include <new>

namespace flowrun::wsi {

void inflate_tile(std::span<const std::uint8_t> stream, bool differences, int width, int height,
                  std::uint8_t* rgb) {
  const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), &libdeflate_free_decompressor);
  if (!decompressor) throw std::bad_alloc();
  const std::size_t row = static_cast<std::size_t>(width) * 3, bytes = row * static_cast<std::size_t>(height);
  switch (libdeflate_zlib_decompress(decompressor.get(), stream.data(), stream.size(), rgb, bytes, nullptr)) {
    case LIBDEFLATE_SUCCESS:
      break;
    case LIBDEFLATE_SHORT_OUTPUT:
      throw Error("damaged deflate data: they end before the tile");
    case LIBDEFLATE_INSUFFICIENT_SPACE:
      throw Error("damaged deflate data: they are more than a tile");
    default:
      throw Error("damaged deflate data");
  }
  if (!differences) return;
  for (std::uint8_t *line = rgb, *end = rgb + bytes; line != end; line += row)
    for (std::size_t i = 3; i < row; ++i) line[i] = static_cast<std::uint8_t>(line[i] + line[i - 3]);
}

}  // namespace flowrun::wsi
