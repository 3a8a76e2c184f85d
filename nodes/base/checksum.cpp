// SPDX-License-Identifier: Apache-2.0
#include "checksum.h"

#include <libdeflate.h>

#include <boost/crc.hpp>

namespace flowrun::wsi {

std::uint32_t crc32(std::string_view bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

std::uint32_t crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

}  // namespace flowrun::wsi
