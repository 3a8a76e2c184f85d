// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <cstddef>

namespace flowrun::wsi {

/// Calls `work(i)` for i from 0 to count - 1 on all threads, at most `at_once` at the same time: what they
/// need of memory is bounded. The thread that waits takes up no other packet's work. Throws what a call
/// throws.
template <class Work>
void limited_for(int count, int at_once, const Work& work) {
  int next = 0;
  const auto number = [&](tbb::flow_control& control) {
    if (next == count) control.stop();
    return next++;
  };
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_pipeline(static_cast<std::size_t>(at_once),
                           tbb::make_filter<void, int>(tbb::filter_mode::serial_in_order, number) &
                               tbb::make_filter<int, void>(tbb::filter_mode::parallel, work));
  });
}

}  // namespace flowrun::wsi
