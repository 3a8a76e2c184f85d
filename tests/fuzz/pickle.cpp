// SPDX-License-Identifier: Apache-2.0
/// The pickle within a file of torch.save: there is a value or an exception, which read_pickle makes an Error
/// of.
#include <ATen/ATen.h>

#include <exception>

#include "lease.h"
#include "nodes/torch/unpickler.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto storage = [](const std::string&, at::ScalarType type, std::int64_t elements) {
    constexpr std::int64_t most = 1024;
    if (elements < 0 || elements > most) throw std::runtime_error("too short");
    return at::zeros({elements}, type);
  };
  try {
    const flowrun::fuzz::Lease lease(size);
    const c10::IValue value =
        flowrun::torch_nodes::unpickle({reinterpret_cast<const char*>(data), size}, storage);
    // A tensor that reached beyond its data would be read here.
    if (value.isGenericDict())
      for (const auto& entry : value.toGenericDict())
        if (entry.value().isTensor() && entry.value().toTensor().numel() < 10000)
          entry.value().toTensor().clone();
  } catch (const std::exception&) {
  }
  return 0;
}
