// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "mpp.h"
#include "nodes/base/text.h"
#include "nodes/image/tiff_file.h"
#include "readers.h"

namespace flowrun::wsi {
namespace {

/// The value of `name` in a description "Aperio ... | name = value | ...": the last, as OpenSlide has it.
std::string_view value_of(std::string_view name, std::string_view description) {
  for (std::size_t bar = description.rfind('|'); bar != description.npos; bar = description.rfind('|')) {
    const std::string_view entry = description.substr(bar + 1);
    const std::size_t equals = entry.find('=');
    if (equals != entry.npos && trimmed(entry.substr(0, equals)) == name)
      return trimmed(entry.substr(equals + 1));
    description = description.substr(0, bar);
  }
  return {};
}

/// Scanners write numbers as their country does.
std::optional<double> number_of(std::string_view name, std::string_view description) {
  std::string text(value_of(name, description));
  std::ranges::replace(text, ',', '.');
  return positive_number(text);
}

Level level_of(const TiffPage& page, const std::vector<Level>& finer) {
  Level level;
  level.width = page.width;
  level.height = page.height;
  level.tile_width = static_cast<int>(page.tile_width);
  level.tile_height = static_cast<int>(page.tile_height);
  if (!finer.empty() && page.width > 0 && page.height > 0)
    level.downsample = (static_cast<double>(finer.front().height) / static_cast<double>(page.height) +
                        static_cast<double>(finer.front().width) / static_cast<double>(page.width)) /
                       2;
  return level;
}

}  // namespace

std::optional<SlideFacts> aperio_facts(const std::vector<TiffPage>& pages) {
  if (pages.empty() || !pages.front().tiled || !pages.front().description.starts_with("Aperio")) return {};
  const std::string& description = pages.front().description;
  SlideFacts facts;
  facts.vendor = "aperio";
  facts.mpp = number_of("MPP", description);
  if (!facts.mpp) return {};  // resolutions in other tags are OpenSlide's affair
  doubt_mpp(*facts.mpp, *facts.mpp, facts.notes);
  facts.objective_power = number_of("AppMag", description);
  for (const TiffPage& page : pages)  // what is not tiled is a label, a macro image or a thumbnail
    if (page.tiled) facts.levels.push_back(level_of(page, facts.levels));
  facts.bounds = {0, 0, static_cast<double>(facts.width()), static_cast<double>(facts.height())};
  return facts;
}

}  // namespace flowrun::wsi
