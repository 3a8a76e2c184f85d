// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

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

Level level_of(TIFF* tiff, const std::vector<Level>& finer) {
  Level level;
  std::uint32_t width = 0, height = 0, tile_width = 0, tile_height = 0;
  TIFFGetField(tiff, TIFFTAG_IMAGEWIDTH, &width);
  TIFFGetField(tiff, TIFFTAG_IMAGELENGTH, &height);
  TIFFGetField(tiff, TIFFTAG_TILEWIDTH, &tile_width);
  TIFFGetField(tiff, TIFFTAG_TILELENGTH, &tile_height);
  level.width = width;
  level.height = height;
  level.tile_width = static_cast<int>(tile_width);
  level.tile_height = static_cast<int>(tile_height);
  if (!finer.empty() && width > 0 && height > 0)
    level.downsample = (static_cast<double>(finer.front().height) / height +
                        static_cast<double>(finer.front().width) / width) /
                       2;
  return level;
}

}  // namespace

std::optional<SlideFacts> aperio_facts(const std::filesystem::path& path) {
  const TiffFile tiff = open_tiff(path);
  const char* description = nullptr;
  if (!tiff || !TIFFIsTiled(tiff.get()) ||
      TIFFGetField(tiff.get(), TIFFTAG_IMAGEDESCRIPTION, &description) != 1 ||
      !std::string_view(description).starts_with("Aperio"))
    return {};
  SlideFacts facts;
  facts.vendor = "aperio";
  facts.mpp = number_of("MPP", description);
  if (!facts.mpp) return {};  // resolutions in other tags are OpenSlide's affair
  facts.objective_power = number_of("AppMag", description);
  for (;;) {  // what is not tiled is a label, a macro image or a thumbnail
    if (TIFFIsTiled(tiff.get())) facts.levels.push_back(level_of(tiff.get(), facts.levels));
    if (TIFFLastDirectory(tiff.get())) break;
    if (!TIFFReadDirectory(tiff.get())) return {};  // cut off: OpenSlide says what is wrong
  }
  facts.bounds = {0, 0, static_cast<double>(facts.width()), static_cast<double>(facts.height())};
  return facts;
}

}  // namespace flowrun::wsi
