// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace flowrun::torch_nodes {

/// Gives tensors on the CPU of 1 MiB and more their memory from a place of their own, which is kept when they
/// die: a training takes the same again in each step, and fresh memory is cleared page by page. (malloc could
/// keep it too, but what is small and lives long would lie between and take the large pieces apart.) For the
/// whole process, from now on; again does no harm. Thread-safe.
void keep_tensor_memory();
/// How many bytes tensors on the CPU that were made since had at once, small ones included; of the whole
/// process, so one at a time. Calls keep_tensor_memory().
class PeakOfTensors {
 public:
  PeakOfTensors();
  ~PeakOfTensors();
  PeakOfTensors(const PeakOfTensors&) = delete;
  /// From now on.
  void reset();
  std::size_t bytes() const;
};

/// Gives back what no tensor has at the moment. Thread-safe.
void release_tensor_memory();

}  // namespace flowrun::torch_nodes
