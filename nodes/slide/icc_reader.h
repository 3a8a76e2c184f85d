// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/wsi/slide.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace flowrun::wsi {

/// The slide's ICC profile: of Aperio's and plain TIFFs that in the file, of others what OpenSlide 4 says.
/// Empty: it has none.
/// Throws Error when the file cannot be read, or OpenSlide is older.
std::vector<std::uint8_t> icc_profile_of(const SlideFacts& facts);

/// Reads what `reader` reads, in sRGB. Never copies JPEG tiles, whose colours would be the file's. Throws
/// Error when the profile is of no use.
std::shared_ptr<PixelReader> icc_reader(const SlideFacts& facts, const std::vector<std::uint8_t>& profile,
                                        std::shared_ptr<PixelReader> reader);

}  // namespace flowrun::wsi
