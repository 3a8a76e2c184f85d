// SPDX-License-Identifier: Apache-2.0
/// A JPEG 2000 codestream of 64 x 48 pixels: there are pixels or an Error.
#include "nodes/image/jpeg2000.h"

#include <flowrun/error.h>

#include <vector>

#include "lease.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int width = 64, height = 48;
  std::vector<std::uint8_t> rgb(std::size_t{width} * height * 3);
  try {
    const flowrun::fuzz::Lease lease(rgb.size());
    flowrun::wsi::decode_jpeg2000({data, size}, width, height, rgb.data());
  } catch (const flowrun::Error&) {
  }
  return 0;
}
