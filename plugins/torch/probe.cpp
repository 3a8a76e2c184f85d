// SPDX-License-Identifier: Apache-2.0
// Says what libtorch and compiler a plugin would get; passes a string to libtorch.
#include <c10/core/Device.h>
#include <flowrun/plugin.h>
#include <torch/csrc/api/include/torch/version.h>

#include <iostream>

int main() {
  std::cout << "libtorch " << TORCH_VERSION << " on " << c10::Device(std::string("cpu")).str() << "\n"
            << "compiler " << FLOWRUN_COMPILER_TAG << std::endl;
}
