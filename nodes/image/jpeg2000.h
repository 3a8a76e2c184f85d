// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flowrun::wsi {

/// Checks the headers of a codestream (ISO 15444-1, A.5 and A.6) before a decoder allocates what they say: an
/// image of that size in three components, in no more tiles, precincts and code blocks than memory for them
/// is small. Throws Error.
void check_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height);

/// Decodes a JPEG 2000 codestream (ISO 15444-1) of three 8-bit components into height x width x 3 bytes at
/// `rgb`. Throws Error when it is damaged, which what OpenJPEG only warns of is too, or of another size or
/// kind: that its header tells, before memory for its pixels is taken.
void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb);

}  // namespace flowrun::wsi
