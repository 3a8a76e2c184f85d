// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "huffman.h"

namespace flowrun::wsi {

/// Writes a deflate bit stream (RFC 1951, 3.1.1), from the lowest bit of each byte up, into memory of the
/// caller. Stores eight bytes at a time, so as many must be writable from the position on.
class BitWriter {
 public:
  explicit BitWriter(std::uint8_t* to) : at_(to) {}

  /// At most 56 bits at once.
  void put(std::uint64_t bits, unsigned count) {
    pending_ |= bits << filled_;
    filled_ += count;
    flush();
  }
  void put(Code code) { put(code.bits, code.length); }

  /// Pads the last byte with zeros.
  void align() { put(0, (8 - filled_) & 7); }
  void put_bytes(std::span<const std::uint8_t> bytes) {
    std::copy(bytes.begin(), bytes.end(), at_);
    at_ += bytes.size();
  }

  [[nodiscard]] std::uint8_t* at() const { return at_; }
  [[nodiscard]] unsigned pending_bits() const { return filled_; }

 private:
  void flush() {
    std::uint64_t little = pending_;
    if constexpr (std::endian::native == std::endian::big) little = __builtin_bswap64(little);
    std::memcpy(at_, &little, sizeof little);
    at_ += filled_ / 8;
    pending_ >>= filled_ & ~7U;
    filled_ &= 7;
  }

  std::uint8_t* at_;
  std::uint64_t pending_ = 0;
  unsigned filled_ = 0;
};

}  // namespace flowrun::wsi
