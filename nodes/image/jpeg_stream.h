// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace flowrun::wsi {

/// Makes a complete JPEG file of an abbreviated stream as TIFFs hold it and the tables that it needs (TIFF
/// Technical Note 2); `tables` may be empty. `rgb`: the stream's components are R, G, B, which an Adobe
/// marker (transform 0) tells decoders. Throws Error when either is no JPEG stream.
void complete_jpeg(std::span<const std::uint8_t> stream, std::span<const std::uint8_t> tables, bool rgb,
                   std::vector<std::uint8_t>& out);

}  // namespace flowrun::wsi
