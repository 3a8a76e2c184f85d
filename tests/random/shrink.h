// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "graphs.h"

namespace flowrun::test {

/// The graph without nodes and options that `fails` does not need.
RandomGraph shrunk(RandomGraph graph, const std::function<bool(const RandomGraph&)>& fails);

}  // namespace flowrun::test
