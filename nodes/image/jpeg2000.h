// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flowrun::wsi {

/// Decodes a JPEG 2000 codestream (ISO 15444-1) of three 8-bit components into height x width x 3 bytes at
/// `rgb`. Throws Error when it is damaged, which what OpenJPEG only warns of is too, or of another size or
/// kind: that its header tells, before memory for its pixels is taken.
void decode_jpeg2000(std::span<const std::uint8_t> codestream, int width, int height, std::uint8_t* rgb);

}  // namespace flowrun::wsi
