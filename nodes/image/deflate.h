// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bit_writer.h"

namespace flowrun::wsi {

/// Writes bytes as one block with its own Huffman code or as stored blocks (RFC 1951, 3.2.3 to 3.2.7),
/// whichever is shorter: a stream never outgrows the sum of stored_bytes() of its blocks. Looks for no
/// matches but repeats of the bytes `pixel` (1 to 4) before, which is what flat images leave after filtering.
/// `last` ends the stream.
void put_block(BitWriter& writer, std::span<const std::uint8_t> bytes, std::size_t pixel, bool last);

/// The size of this many bytes in stored blocks, including their heads.
std::size_t stored_bytes(std::size_t bytes);

}  // namespace flowrun::wsi
