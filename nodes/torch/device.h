// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <flowrun/costs.h>

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

/// The device's own memory; nothing on the CPU.
struct DeviceMemory {
  std::size_t allocated = 0;  ///< by tensors
  std::size_t reserved = 0;   ///< with what torch keeps for the next ones
  std::size_t all = 0;        ///< that the device has
  std::size_t free = 0;       ///< that nobody has, torch neither
};
std::optional<DeviceMemory> device_memory(c10::Device device);
/// torch reserves so many bytes of the device's memory at most; more is out of memory. Does nothing on the
/// CPU.
void bound_memory(c10::Device device, std::size_t bytes);
/// Of the device, for a node that adds what it takes; nothing on the CPU.
std::optional<Costs::OnDevice> costs_on(c10::Device device);
/// What takes so many bytes of tensors takes a sixth more: what lies between them, and what libtorch's
/// kernels take for themselves (measured: 5 to 15 %).
constexpr std::size_t with_surroundings(std::size_t bytes) {
  return bytes / 6 * 7;
}
/// On a device, what a model's layers hold that is only computed with takes half as much again: libtorch
/// gives memory there in blocks, and between them lies what fits nobody (measured on an H200: a third more
/// with ResNet-50).
constexpr std::size_t with_gaps(std::size_t bytes) {
  return bytes / 2 * 3;
}
/// What stands on the CPU for a computation on a device, to measure what it takes: the same on the CPU.
Computing measuring(Computing computing);
/// On a device, bytes of two images of so many pixels: of the one that is computed with, and of one of the
/// next batch on its way.
constexpr std::size_t image_copies(std::size_t pixels) {
  return 2 * 3 * pixels * sizeof(float);
}
/// Gives back what is reserved and not allocated. Does nothing on the CPU.
void empty_cache(c10::Device device);
/// Whether memory was not enough, of the host or of a device: much of libtorch tells it by its words alone.
bool is_out_of_memory(const std::exception& problem);

/// What went wrong; libtorch adds lines with where in its code it did.
std::string first_line(const std::exception& problem);

/// `problem` is one of a device, not of what it was asked to do: libtorch tells it by its words.
bool is_of_device(const std::exception& problem);
/// Throws what is said of it, with the device's name.
[[noreturn]] void throw_of_device(const std::string& device, const std::exception& problem);
/// Does `work`. Throws what it throws; failures of the device as an Error that names it.
template <class Work>
auto naming(const std::string& device, Work&& work) {
  try {
    return work();
  } catch (const std::exception& problem) {
    if (!is_of_device(problem)) throw;
    throw_of_device(device, problem);
  }
}

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
