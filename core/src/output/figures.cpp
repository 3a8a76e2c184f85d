// SPDX-License-Identifier: Apache-2.0
#include "output/figures.h"

namespace flowrun {

void make_figures_relative(nlohmann::json& entry, const std::filesystem::path& folder) {
  const auto reported = entry.find("report");
  if (reported == entry.end()) return;
  for (auto& items : *reported)
    for (auto& item : items)
      if (const auto path = item.find("path"); path != item.end())
        *path = std::filesystem::path(path->get<std::string>()).lexically_relative(folder).string();
}

}  // namespace flowrun
