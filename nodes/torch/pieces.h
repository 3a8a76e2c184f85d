// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstdint>
#include <functional>

namespace flowrun::torch_nodes {

/// Calls `work` with the begin and end of pieces of 0 to `count` - 1, each of `piece` but the last, on the
/// threads of the run, at most `threads` at a time. torch computes each on its thread alone, so that what it
/// gives does not depend on their number, and no more threads compute than the run has. False when the scope
/// has failed meanwhile: not all was done then. Throws what `work` throws.
bool in_pieces(std::int64_t count, std::int64_t piece, int threads, const Scope& scope,
               const std::function<void(std::int64_t begin, std::int64_t end)>& work);

}  // namespace flowrun::torch_nodes
