// SPDX-License-Identifier: Apache-2.0
#include "some_of.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace flowrun::wsi {

std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t most = 3;
  const std::size_t shown = std::min(most, names.size());
  const std::string text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(shown), ", "));
  return names.size() > most ? fmt::format("{} and {} more", text, names.size() - most) : text;
}

}  // namespace flowrun::wsi
