// SPDX-License-Identifier: Apache-2.0
#include "nodes/torch/device.h"

#include <c10/util/Exception.h>
#include <doctest/doctest.h>

#include <new>
#include <stdexcept>

using namespace flowrun::torch_nodes;

TEST_CASE("memory that is not enough is known by what libtorch and the libraries below it say") {
  // As libtorch 1.13 and 2.x, cuDNN and cuBLAS say it.
  for (const char* words :
       {"CUDA out of memory. Tried to allocate 20.00 MiB (GPU 0; 79.15 GiB total capacity)",
        "CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported",
        "cuDNN error: CUDNN_STATUS_ALLOC_FAILED",
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`",
        "cuFFT error: CUFFT_ALLOC_FAILED",
        "[enforce fail at alloc_cpu.cpp:75] err == 0. DefaultCPUAllocator: can't allocate memory: you "
        "tried"}) {
    INFO(words);
    CHECK(is_out_of_memory(std::runtime_error(words)));
  }
  CHECK(is_out_of_memory(c10::OutOfMemoryError({__func__, __FILE__, __LINE__}, "no more")));
  CHECK(is_out_of_memory(std::bad_alloc()));
}

TEST_CASE("other failures of a device are not taken for memory that is not enough") {
  for (const char* words :
       {"cuDNN error: CUDNN_STATUS_EXECUTION_FAILED", "CUDA error: CUBLAS_STATUS_NOT_INITIALIZED",
        "CUDA error: an illegal memory access was encountered", "CUDA error: device-side assert triggered"}) {
    INFO(words);
    CHECK(!is_out_of_memory(std::runtime_error(words)));
  }
}
