// SPDX-License-Identifier: Apache-2.0
#include "coords_layout.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "nodes/table/slide_names.h"
#include "nodes/table/table_text.h"

namespace flowrun::wsi {
namespace {

/// As Python would have it: an int where it is whole.
H5Attribute number(double value) {
  if (std::trunc(value) == value) return static_cast<std::int64_t>(value);
  return value;
}

}  // namespace

TileShape::TileShape(const Tile& tile)
    : size(tile.size()), level(tile.level), extent(tile.extent), overlap(tile.overlap) {}

H5Attributes clam_attributes(const TileShape& tiles, const SlideFacts& slide, const std::string& folder) {
  const Level& level = slide.levels.at(static_cast<std::size_t>(tiles.level));
  const double expected = tiles.size * level.downsample;
  if (std::abs(tiles.extent - expected) > 1e-6 * expected)
    throw Error(fmt::format(
        "{}: layout clam needs tiles of a level as it is, but these were scaled: {} pixels show {:.6g} of "
        "level 0, at level {} it would be {:.6g}; set extract's level instead of mpp, or write layout "
        "trident",
        slide.path.string(), tiles.size, tiles.extent, tiles.level, expected));
  const std::vector<std::int64_t> dim{level.width, level.height};
  const auto ratio = [](std::int64_t a, std::int64_t b) {
    return static_cast<double>(a) / static_cast<double>(b);
  };
  return {{"patch_size", std::int64_t{tiles.size}},
          {"patch_level", std::int64_t{tiles.level}},
          {"downsample", std::vector{ratio(slide.width(), level.width), ratio(slide.height(), level.height)}},
          {"downsampled_level_dim", dim},
          {"level_dim", dim},
          {"name", slide.name},
          {"save_path", folder}};
}

H5Attributes clam_pixel_attributes(const H5Attributes& of_coords) {
  H5Attributes out;
  for (const char* name : {"patch_level", "downsample", "level_dim", "downsampled_level_dim"})
    out.push_back(*std::ranges::find(of_coords, name, &H5Attributes::value_type::first));
  out.emplace_back("wsi_name",
                   std::ranges::find(of_coords, "name", &H5Attributes::value_type::first)->second);
  return out;
}

std::string clam_process_list(const std::vector<std::string>& slides) {
  const std::vector<std::string> columns{
      "slide_id",    "process",   "status",         "seg_level",   "sthresh",   "mthresh",
      "close",       "use_otsu",  "keep_ids",       "exclude_ids", "a_t",       "a_h",
      "max_n_holes", "vis_level", "line_thickness", "use_padding", "contour_fn"};
  const TableText table(TableText::Format::csv, columns);
  std::string text = table.header();
  for (const std::string& slide : slides) {
    std::vector<TableCell> cells(columns.size(), std::nullopt);
    cells[0] = slide;
    cells[1] = 0;  // nothing is left to be done
    cells[2] = "processed";
    text += table.row(cells);
  }
  return text;
}

H5Attributes stamp_attributes(const TileShape& tiles, const SlideFacts& slide) {
  return {{"unit", "um"},
          {"tile_size_um", tiles.extent * slide.mpp_or_throw()},
          {"tile_size_px", std::int64_t{tiles.size}},
          {"feat_type", "tile"}};
}

H5Attributes trident_attributes(const TileShape& tiles, const SlideFacts& slide, const std::string& folder,
                                std::optional<double> magnification) {
  const double own = magnification ? *magnification : level0_magnification(slide);
  const double exact = own * tiles.size / tiles.extent;
  const auto patch_size_level0 = std::llround(tiles.extent);
  const double whole = std::round(exact);
  const bool same = whole > 0 && std::llround(tiles.size * own / whole) == patch_size_level0;
  return {{"patch_size", std::int64_t{tiles.size}},
          {"patch_size_level0", std::int64_t{patch_size_level0}},
          {"level0_magnification", number(own)},
          {"target_magnification", number(same ? whole : exact)},
          {"overlap", std::int64_t{tiles.overlap}},
          {"name", trident_name(slide.name, slide.path.string())},
          {"savetodir", folder},
          {"level0_width", slide.width()},
          {"level0_height", slide.height()}};
}

double level0_magnification(const SlideFacts& slide) {
  struct Step {
    double below_mpp, magnification;
  };
  constexpr std::array<Step, 6> steps{{{0.16, 80}, {0.2, 60}, {0.3, 40}, {0.6, 20}, {1.2, 10}, {2.4, 5}}};
  if (slide.mpp)
    for (const Step& step : steps)
      if (*slide.mpp < step.below_mpp) return step.magnification;
  if (slide.objective_power) return *slide.objective_power;
  throw Error(fmt::format(
      "{}: layout trident needs the magnification of level 0, but {}; set save_h5's magnification, or read's "
      "mpp",
      slide.path.string(),
      slide.mpp ? fmt::format("{} microns per pixel are more than TRIDENT knows (2.4)", *slide.mpp)
                : "the file says neither MPP nor objective power"));
}

}  // namespace flowrun::wsi
