// SPDX-License-Identifier: Apache-2.0
/// Files of torch.save, their ZIP archive included: there is a value or an Error.
#include <flowrun/error.h>

#include "input_file.h"
#include "lease.h"
#include "nodes/torch/pickle_file.h"

using namespace flowrun;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::InputFile file(data, size);
  try {
    const fuzz::Lease lease(2 * size);
    torch_nodes::is_script(file.path());
    torch_nodes::read_pickle(file.path());
  } catch (const Error&) {
  }
  return 0;
}
