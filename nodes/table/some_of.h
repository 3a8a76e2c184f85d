// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace flowrun::wsi {

/// "a, b, c and 4 more".
std::string some_of(const std::vector<std::string>& names);

}  // namespace flowrun::wsi
