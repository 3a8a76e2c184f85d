// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <exception>
#include <optional>
#include <string>

namespace flowrun::torch_nodes {

/// "cpu", "cuda", "cuda:N", or "auto": the first GPU, or the CPU where there is none. Throws Error when it is
/// not there.
c10::Device choose_device(const std::string& name);

/// What a model computes on, and with what instead of float32.
struct Computing {
  c10::Device device = c10::kCPU;
  std::optional<c10::ScalarType> half{};
};
/// As a node's options `device` and `precision` (fp32, bf16 or fp16) say it. Throws OptionError.
Computing computing_of(const std::string& device, const std::string& precision);

/// What torch holds of a device's memory; nothing on the CPU.
struct DeviceMemory {
  std::size_t allocated = 0;  ///< by tensors
  std::size_t reserved = 0;   ///< with what is kept for the next ones
};
std::optional<DeviceMemory> device_memory(c10::Device device);
/// Gives back what is reserved and not allocated. Does nothing on the CPU.
void empty_cache(c10::Device device);
/// libtorch tells memory that is not enough only by its words.
bool is_out_of_memory(const std::exception& problem);

/// How many threads torch computes with on this thread, until it goes out of scope.
class ModelThreads {
 public:
  explicit ModelThreads(int threads);
  ~ModelThreads();
  ModelThreads(const ModelThreads&) = delete;

 private:
  int before_;
};

}  // namespace flowrun::torch_nodes
