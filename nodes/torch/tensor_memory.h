// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace flowrun::torch_nodes {

/// Gives tensors on the CPU of 1 MiB and more their memory from a place of their own, which is kept when they
/// die: a training takes the same again in each step, and fresh memory is cleared page by page. (malloc could
/// keep it too, but what is small and lives long would lie between and take the large pieces apart.) For the
/// whole process, from now on; again does no harm. Thread-safe.
void keep_tensor_memory();
/// Gives back what no tensor has at the moment. Thread-safe.
void release_tensor_memory();

}  // namespace flowrun::torch_nodes
