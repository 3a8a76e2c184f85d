// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <ATen/Context.h>
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/util/Exception.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <array>
#include <new>
#include <string_view>

#ifdef FLOWRUN_TORCH_CUDA
#include <c10/core/DeviceGuard.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAException.h>
#include <cuda_runtime_api.h>
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

Computing measuring(Computing computing) {
  computing.device = c10::kCPU;
  if (computing.half) computing.half = c10::kBFloat16;  // as wide as fp16, which is for GPUs
  return computing;
}

#ifdef FLOWRUN_TORCH_CUDA
std::optional<DeviceMemory> device_memory(c10::Device device) {
  if (!device.is_cuda()) return {};
  const c10::DeviceGuard on(device);
  // libtorch's allocator knows a device from its first tensor on.
  at::empty({0}, at::TensorOptions().device(device));
  DeviceMemory memory;
  C10_CUDA_CHECK(cudaMemGetInfo(&memory.free, &memory.all));
  const auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(device.index());
  memory.allocated = static_cast<std::size_t>(stats.allocated_bytes[0].current);
  memory.reserved = static_cast<std::size_t>(stats.reserved_bytes[0].current);
  return memory;
}
void bound_memory(c10::Device device, std::size_t bytes) {
  const auto memory = device_memory(device);
  if (!memory) return;
  const double share = static_cast<double>(bytes) / static_cast<double>(memory->all);
  c10::cuda::CUDACachingAllocator::setMemoryFraction(std::min(share, 1.0), device.index());
}
void empty_cache(c10::Device device) {
  if (device.is_cuda()) c10::cuda::CUDACachingAllocator::emptyCache();
}
#else
std::optional<DeviceMemory> device_memory(c10::Device) {
  return {};
}
void bound_memory(c10::Device, std::size_t) {}
void empty_cache(c10::Device) {}
#endif

std::optional<Costs::OnDevice> costs_on(c10::Device device) {
  const auto memory = device_memory(device);
  if (!memory) return {};
  // What torch has reserved before is there for this run.
  return Costs::OnDevice{.device = device.str(),
                         .all = memory->all,
                         .free = memory->free + memory->reserved,
                         .bound = [device](std::size_t bytes) { bound_memory(device, bytes); }};
}

bool is_of_device(const std::exception& problem) {
  if (is_out_of_memory(problem) || dynamic_cast<const Error*>(&problem)) return false;
  const std::string_view what = problem.what();
  return std::ranges::any_of(
      std::to_array<std::string_view>({"CUDA error", "CUDA driver error", "cuDNN error", "CUDNN_STATUS_",
                                       "CUBLAS_STATUS_", "cusolver error", "cuFFT error"}),
      [&](auto words) { return what.find(words) != std::string_view::npos; });
}

std::string first_line(const std::exception& problem) {
  const std::string what = problem.what();
  return what.substr(0, what.find('\n'));
}

void throw_of_device(const std::string& device, const std::exception& problem) {
  throw Error(fmt::format("{} failed: {}", device, first_line(problem)));
}

bool is_out_of_memory(const std::exception& problem) {
  if (dynamic_cast<const c10::OutOfMemoryError*>(&problem) || dynamic_cast<const std::bad_alloc*>(&problem))
    return true;
  const std::string_view what = problem.what();
  // Of libtorch on the CPU, of CUDA, and of the libraries that take memory of their own.
  return std::ranges::any_of(
      std::to_array<std::string_view>({"can't allocate memory", "out of memory", "CUDNN_STATUS_ALLOC_FAILED",
                                       "CUBLAS_STATUS_ALLOC_FAILED", "CUSOLVER_STATUS_ALLOC_FAILED",
                                       "CUFFT_ALLOC_FAILED"}),
      [&](auto words) { return what.find(words) != std::string_view::npos; });
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
