// SPDX-License-Identifier: Apache-2.0
/// Files of safetensors: there are tensors or an Error.
#include "nodes/torch/safetensors.h"

#include <flowrun/error.h>

#include "input_file.h"
#include "lease.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  try {
    const fuzz::Lease lease(2 * size);
    torch_nodes::read_safetensors(file.path());
  } catch (const Error&) {
  }
  return 0;
}
