// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace flowrun::wsi {

/// The most bytes that a zlib stream (RFC 1950) of so many becomes.
std::size_t max_zlib_bytes(std::size_t bytes);
/// Compresses by libdeflate into `out`, which must have room for max_zlib_bytes(). `level`: 1, the fastest,
/// to 12. The bytes written.
std::size_t put_zlib_stream(std::span<const std::uint8_t> bytes, int level, std::span<std::uint8_t> out);
std::vector<std::uint8_t> zlib_stream(std::span<const std::uint8_t> bytes, int level);

}  // namespace flowrun::wsi
