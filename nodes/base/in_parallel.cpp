// SPDX-License-Identifier: Apache-2.0
#include "in_parallel.h"

#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <exception>

namespace flowrun::wsi {

int pieces_at_once(std::size_t bytes_each) {
  constexpr std::size_t most_bytes = std::size_t{64} << 20, most_pieces = 16;
  return static_cast<int>(
      std::clamp<std::size_t>(most_bytes / std::max<std::size_t>(bytes_each, 1), 1, most_pieces));
}

bool in_parallel(std::int64_t count, int at_once, const Scope& scope,
                 const std::function<std::function<void()>(std::int64_t)>& work) {
  using Action = std::function<void()>;
  // Nothing may throw through the pipeline: it would lose what is on its way.
  std::atomic<bool> failed = false;
  std::exception_ptr first;
  const auto guarded = [&](const auto& call) -> Action {
    try {
      if (!failed) return call();
    } catch (...) {
      if (!failed.exchange(true)) first = std::current_exception();
    }
    return {};
  };
  std::int64_t next = 0;
  const auto number = [&](tbb::flow_control& control) {
    if (next == count || failed || scope.failed()) control.stop();
    return next++;
  };
  const auto make = [&](std::int64_t i) { return guarded([&] { return work(i); }); };
  const auto act = [&](const Action& action) {
    guarded([&] {
      if (action) action();
      return Action();
    });
  };
  // Isolated: a thread that waits here must not take up another packet's work.
  tbb::this_task_arena::isolate([&] {
    tbb::parallel_pipeline(static_cast<std::size_t>(at_once),
                           tbb::make_filter<void, std::int64_t>(tbb::filter_mode::serial_in_order, number) &
                               tbb::make_filter<std::int64_t, Action>(tbb::filter_mode::parallel, make) &
                               tbb::make_filter<Action, void>(tbb::filter_mode::serial_in_order, act));
  });
  if (first) std::rethrow_exception(first);
  return !scope.failed();
}

}  // namespace flowrun::wsi
