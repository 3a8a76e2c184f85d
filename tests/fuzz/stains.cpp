// SPDX-License-Identifier: Apache-2.0
/// Files of stains: there are stains or an Error.
#include <flowrun/error.h>

#include "input_file.h"
#include "lease.h"
#include "nodes/stain/stains_file.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  try {
    const fuzz::Lease lease(size);
    wsi::StainsFile::read(file.path()).text();
  } catch (const Error&) {
  }
  return 0;
}
