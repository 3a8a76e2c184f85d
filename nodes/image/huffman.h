// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>

namespace flowrun::wsi {

/// Huffman codes as deflate defines them (RFC 1951, 3.2.2). Pure functions: safe to call concurrently.

/// A code as the bit stream wants it: first bit lowest.
struct Code {
  std::uint16_t bits = 0;
  std::uint16_t length = 0;
};

/// Finds the lengths of a complete prefix code, 0 for unused symbols, none longer than `limit` (with
/// 2^limit >= symbols). A code of fewer than two symbols is not complete, which some decoders refuse, so
/// unused symbols are added up to two. `lengths` has one entry per frequency.
void code_lengths(std::span<const std::uint32_t> frequencies, int limit, std::span<std::uint8_t> lengths);

/// Gives each symbol the code that its length (at most 15) implies.
void canonical_codes(std::span<const std::uint8_t> lengths, std::span<Code> codes);

}  // namespace flowrun::wsi
