// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "bit_writer.h"
#include "huffman.h"

namespace flowrun::wsi {

/// Deflate allows 15 bits; with 14, four codes fit the bit writer at once.
constexpr int kMaxLiteralBits = 14;

/// Writes bytes by their codes: the same bits on every processor; which instructions are used is decided at
/// run time.
class LiteralCodes {
 public:
  /// `codes` has one for each byte at least, none longer than kMaxLiteralBits; it must outlive this.
  explicit LiteralCodes(std::span<const Code> codes);
  void put(BitWriter& writer, std::span<const std::uint8_t> bytes) const;

 private:
  void put_64_at_a_time(BitWriter& writer, std::span<const std::uint8_t> bytes) const;

  using ByteTable = std::array<std::uint8_t, 256>;
  std::span<const Code> codes_;
  ByteTable lengths_, low_bits_, high_bits_;
};

}  // namespace flowrun::wsi
