// SPDX-License-Identifier: Apache-2.0
/// Images, as tiles of 32 x 32 pixels and of any size: there are pixels or an Error.
#include <flowrun/error.h>

#include "input_file.h"
#include "lease.h"
#include "nodes/image/image_file.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr int side = 32;
  const fuzz::InputFile file(data, size);
  try {
    const fuzz::Lease lease(size + side * side * 3);
    if (wsi::is_image_file(file.path())) wsi::read_image_file(file.path(), side);
  } catch (const Error&) {
  }
  try {
    const fuzz::Lease lease(size + std::size_t{300'000'000});  // of the largest that is read
    wsi::read_image_file(file.path());
  } catch (const Error&) {
  }
  return 0;
}
