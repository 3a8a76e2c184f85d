// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/value.h>

#include <string>

#include "graph/diagnostics.h"

namespace flowrun {

/// Reads YAML into a Value tree in which everything has its place. Refuses duplicate keys (yaml-cpp takes
/// the first in silence), merge keys, and documents that aliases blow up. `file`: see Place.
Value parse_yaml(const std::string& text, Diagnostics& diagnostics, int file = 0);

}  // namespace flowrun
