// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <omp.h>

#include <new>

#ifdef FLOWRUN_TORCH_CUDA
#include <c10/cuda/CUDACachingAllocator.h>
#endif

namespace flowrun::torch_nodes {

c10::Device choose_device(const std::string& name) {
  if (name == "auto") return at::globalContext().hasCUDA() ? c10::Device("cuda:0") : c10::Device("cpu");
  if (name != "cpu" && name != "cuda" && !name.starts_with("cuda:"))
    throw Error(fmt::format("no device is known as '{}'; expected auto, cpu or cuda:N", name));
  if (name != "cpu" && !at::globalContext().hasCUDA())
    throw Error(
        fmt::format("there is no GPU for 'device: {}', or this libtorch is built without CUDA; say "
                    "device: auto or cpu",
                    name));
  try {
    const c10::Device device(name);
    return device.is_cuda() && !device.has_index() ? c10::Device("cuda:0") : device;
  } catch (const c10::Error&) {
    throw Error(fmt::format("no device is known as '{}'; expected auto, cpu or cuda:N", name));
  }
}

Computing computing_of(const std::string& device, const std::string& precision) {
  Computing computing;
  try {
    computing.device = choose_device(device);
  } catch (const Error& problem) {
    throw OptionError("device", problem.what());
  }
  if (precision == "fp16" && computing.device.is_cpu())
    throw OptionError("precision", "fp16 is for GPUs", "bf16 or fp32 on a CPU");
  if (precision != "fp32") computing.half = precision == "bf16" ? c10::kBFloat16 : c10::kHalf;
  return computing;
}

#ifdef FLOWRUN_TORCH_CUDA
std::optional<DeviceMemory> device_memory(c10::Device device) {
  if (!device.is_cuda()) return {};
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  return DeviceMemory{static_cast<std::size_t>(stats.allocated_bytes[0].current),
                      static_cast<std::size_t>(stats.reserved_bytes[0].current)};
}
void empty_cache(c10::Device device) {
  if (device.is_cuda()) c10::cuda::CUDACachingAllocator::emptyCache();
}
#else
std::optional<DeviceMemory> device_memory(c10::Device) {
  return {};
}
void empty_cache(c10::Device) {}
#endif

bool is_out_of_memory(const std::exception& problem) {
  const std::string what = problem.what();
  return what.find("out of memory") != std::string::npos ||
         what.find("can't allocate memory") != std::string::npos ||
         dynamic_cast<const std::bad_alloc*>(&problem);
}

ModelThreads::ModelThreads(int threads) : before_(at::get_num_threads()) {
  // Asking first matters: a thread's first use sets its number to the one that any thread set last. OpenMP is
  // told alone: at::set_num_threads would make the threads of another pool anew each time, which nothing here
  // uses.
  omp_set_num_threads(threads);
  if (at::get_num_threads() != threads) at::set_num_threads(threads);  // a libtorch with an OpenMP of its own
}

ModelThreads::~ModelThreads() {
  omp_set_num_threads(before_);
  if (at::get_num_threads() != before_) at::set_num_threads(before_);
}

}  // namespace flowrun::torch_nodes
