// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/scope.h>

#include <cstddef>
#include <cstdint>
#include <functional>

namespace flowrun::wsi {

/// How many pieces of work may be on their way at once when each takes so many bytes: no more than 64 MiB of
/// them, 1 to 16.
int pieces_at_once(std::size_t bytes_each);

/// Calls `work` with 0 to `count` - 1, at most `at_once` at a time; what a call returns runs after that of
/// all lower numbers, one at a time. So files are written in order while their parts are made in parallel.
/// Ends early, with false, once the scope has failed. Throws what a call throws.
bool in_parallel(std::int64_t count, int at_once, const Scope& scope,
                 const std::function<std::function<void()>(std::int64_t)>& work);

}  // namespace flowrun::wsi
