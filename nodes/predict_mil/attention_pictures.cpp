// SPDX-License-Identifier: Apache-2.0
#include "attention_pictures.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <numeric>

#include "nodes/base/out_file.h"
#include "nodes/heat/contact_sheet.h"
#include "nodes/heat/heat_map.h"
#include "nodes/image/jpeg.h"
#include "nodes/region/geojson_file.h"
#include "nodes/table/coordinates.h"

namespace flowrun::torch_nodes {
namespace {

using wsi::SheetRow;

std::optional<double> extent_of(const wsi::TileKind& kind, const wsi::SlideFacts& slide) {
  if (kind.extent || !kind.size) return kind.extent;
  if (kind.mpp && slide.mpp) return *kind.size * *kind.mpp / *slide.mpp;
  if (kind.level) return *kind.size * slide.levels.at(static_cast<std::size_t>(*kind.level)).downsample;
  return {};
}

/// The distance of tiles beside each other in a row that most have; the least of several.
std::optional<double> usual_distance(std::vector<TileSquares::Corner> corners) {
  std::ranges::sort(corners, {}, [](const auto& c) { return std::pair(c.y, c.x); });
  std::map<std::int64_t, std::size_t> times;
  for (std::size_t i = 1; i < corners.size(); ++i)
    if (corners[i].y == corners[i - 1].y && corners[i].x > corners[i - 1].x)
      ++times[corners[i].x - corners[i - 1].x];
  const auto most = std::ranges::max_element(times, {}, [](const auto& entry) { return entry.second; });
  return most == times.end() ? std::nullopt : std::optional(static_cast<double>(most->first));
}

std::vector<SheetRow::Tile> shown(const TileSquares& squares, const std::vector<float>& attention, auto begin,
                                  auto end) {
  std::vector<SheetRow::Tile> tiles;
  for (auto at = begin; at != end && tiles.size() < tiles_shown; ++at)
    tiles.push_back(
        {squares.corners[*at].x, squares.corners[*at].y,
         fmt::format("{:.3g} at {}, {}", attention[*at], squares.corners[*at].x, squares.corners[*at].y)});
  return tiles;
}

void write_sheet(const wsi::Slide& slide, const TileSquares& squares, const std::vector<float>& attention,
                 const std::filesystem::path& file) {
  std::vector<std::size_t> order(attention.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, std::ranges::greater(), [&](std::size_t i) { return attention[i]; });
  std::vector<std::uint8_t> jpeg;
  constexpr int quality = 90;
  wsi::encode_jpeg(
      wsi::contact_sheet(
          slide, squares.extent,
          {{"tiles of most attention", shown(squares, attention, order.begin(), order.end())},
           {"tiles of least attention", shown(squares, attention, order.rbegin(), order.rend())}}),
      quality, jpeg);
  wsi::write_file(file, jpeg);
}

}  // namespace

TileSquares read_tile_squares(const std::filesystem::path& file, const wsi::Slide& slide,
                              std::optional<double> extent) {
  const auto reader = wsi::CoordinateReader::open(file, slide.share_facts());
  TileSquares squares;
  if (const auto total = reader->total()) squares.corners.reserve(*total);
  while (const auto place = reader->next()) squares.corners.push_back({place->x, place->y});
  if (!extent) extent = extent_of(reader->kind(), slide.facts());
  if (!extent) {
    squares.guessed = true;
    extent = usual_distance(squares.corners);
  }
  if (!extent)
    throw Error(
        fmt::format("{} does not say how wide tiles are, and no two are beside each other: set tile_extent",
                    file.string()));
  const wsi::SlideFacts& facts = slide.facts();
  if (*extent > static_cast<double>(std::max(facts.width(), facts.height())))
    throw Error(
        fmt::format("{}: tiles would be {:g} level-0 pixels wide, but slide '{}' is {} x {}: set "
                    "tile_extent to how wide they are",
                    file.string(), *extent, facts.name, facts.width(), facts.height()));
  squares.extent = *extent;
  return squares;
}

std::vector<double> shares_below(const std::vector<float>& numbers) {
  std::vector<float> sorted = numbers;
  std::ranges::sort(sorted);
  std::vector<double> shares;
  shares.reserve(numbers.size());
  for (const float number : numbers)
    shares.push_back(static_cast<double>(std::ranges::lower_bound(sorted, number) - sorted.begin()) /
                     static_cast<double>(numbers.size()));
  return shares;
}

std::string draw_attention(const wsi::Slide& slide, const TileSquares& squares,
                           const std::vector<float>& attention, const std::string& origin,
                           const AttentionFiles& files) {
  if (squares.corners.size() != attention.size())
    throw Error(fmt::format("there are {} places, but attention of {} tiles", squares.corners.size(),
                            attention.size()));
  const std::vector<double> shares = shares_below(attention);
  // Of the others, so that the tile of most attention is red: of few tiles too.
  std::vector<double> colours;
  const auto count = static_cast<double>(shares.size()), others = std::max(1., count - 1);
  for (const double share : shares) colours.push_back(share * count / others);
  const std::string& name = slide.facts().name;
  wsi::HeatMap heat(slide);
  wsi::GeoJsonFile objects(files.objects, wsi::geojson_origin(origin, &slide.facts()));
  for (std::size_t i = 0; i < attention.size(); ++i) {
    const auto [x, y] = squares.corners[i];
    heat.add_tile(x, y, squares.extent, colours[i]);
    wsi::GeoObject object;
    object.id = wsi::content_uuid(fmt::format("attention {} {} {} {} {}", i, x, y, squares.extent, name));
    object.type = "detection";
    object.own_rgb = wsi::heat_colour(std::min(1., colours[i]));
    object.measurements = {{"attention", attention[i]}, {"rank", shares[i]}};
    objects.square(object, x, y, squares.extent);
  }
  objects.close();
  heat.write_picture(files.heat_map, "share of other tiles with less attention", 0, 1);
  heat.write_tiff(files.tiff, 0, 1);
  write_sheet(slide, squares, attention, files.tiles);
  return heat.problem();
}

}  // namespace flowrun::torch_nodes
