// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace flowrun {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;
constexpr std::size_t GiB = 1024 * MiB;

/// Reads a size such as "512 MiB", "2GB", "1.5 GiB" or "4096". KB, MB, GB, TB are powers of 1000; KiB, MiB,
/// GiB, TiB powers of 1024; a bare number is bytes. Case does not matter. Throws Error with what is right.
std::size_t parse_bytes(std::string_view text);

/// Writes a size for people, in powers of 1024: "512 MiB", "46.5 MiB", "768 KiB", "17 bytes".
std::string format_bytes(std::size_t bytes);

}  // namespace flowrun
