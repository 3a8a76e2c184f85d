// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace flowrun::wsi {

/// CRC-32 as in zip files and gzip (ISO 3309).
std::uint32_t crc32(std::string_view bytes);
/// CRC-32C, Castagnoli's, as in TensorBoard's event files (RFC 3720, appendix B.4).
std::uint32_t crc32c(std::string_view bytes);

}  // namespace flowrun::wsi
