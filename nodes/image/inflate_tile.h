// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flowrun::wsi {

/// Decompresses a tile of a TIFF (zlib, RFC 1950) into height x width x 3 bytes at `rgb`. `differences`: they
/// are those to the pixel on the left (predictor 2). Throws Error when the data are damaged, which their
/// checksum tells, or of another size. libtiff does not look at the checksum when it has all bytes.
void inflate_tile(std::span<const std::uint8_t> stream, bool differences, int width, int height,
                  std::uint8_t* rgb);

}  // namespace flowrun::wsi
