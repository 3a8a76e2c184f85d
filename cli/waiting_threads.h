// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>

namespace flowrun::cli {

/// Threads of OpenMP, which libtorch computes with, spin while they wait for each other, on cores that the
/// graph's other stages and other programs need. They sleep instead, unless the user's OMP_WAIT_POLICY says
/// otherwise. To be called before plugins are opened, as OpenMP reads it when it is loaded.
inline void let_waiting_threads_sleep() {
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
}

}  // namespace flowrun::cli
