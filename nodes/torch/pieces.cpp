// SPDX-License-Identifier: Apache-2.0
#include "pieces.h"

#include <algorithm>

#include "device.h"
#include "nodes/base/in_parallel.h"

namespace flowrun::torch_nodes {

bool in_pieces(std::int64_t count, std::int64_t piece, int threads, const Scope& scope,
               const std::function<void(std::int64_t, std::int64_t)>& work) {
  return wsi::in_parallel((count + piece - 1) / piece, threads, scope,
                          [&](std::int64_t i) -> std::function<void()> {
                            const ModelThreads one(1);
                            work(i * piece, std::min(count, (i + 1) * piece));
                            return {};
                          });
}

}  // namespace flowrun::torch_nodes
