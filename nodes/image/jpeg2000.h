// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flowrun::wsi {

/// Bytes of a codestream that check_jpeg2000_size looks at.
constexpr std::size_t jpeg2000_header_bytes = 51;

/// Checks the marker segment SIZ, which every codestream begins with (ISO 15444-1, A.5.1), before a decoder
/// allocates what it says: an image of that size in three components, in no more tiles of its own than memory
/// for them is small. `codestream`: it, or its beginning. Throws Error.
void check_jpeg2000_size(std::span<const std::uint8_t> codestream, int width, int height);

/// Decodes a JPEG 2000 codestream (ISO 15444-1) of three 8-bit components into height x width x 3 bytes at
/// `rgb`. Throws Error when it is damaged, which what OpenJPEG only warns of is too, or of another size or
/// kind: that its header tells, before memory for its pixels is taken.
void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb);

}  // namespace flowrun::wsi
