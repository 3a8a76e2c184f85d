// SPDX-License-Identifier: Apache-2.0
#include "save.h"

#include <flowrun/bytes.h>
#include <flowrun/report.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <optional>
#include <utility>

#include "nodes/base/if_connected.h"
#include "nodes/base/out_file.h"
#include "nodes/image/jpeg.h"
#include "nodes/image/png.h"
#include "nodes/slide/area_average.h"
#include "nodes/slide/sampling.h"
#include "nodes/table/table_text.h"
#include "overview.h"

namespace flowrun::wsi {
namespace {

constexpr std::size_t most_reported_classes = 20;

bool is_srgb(const Tile& tile) {
  return tile.slide && tile.slide->color == Color::icc;
}

/// Where all pixels are as files store them, tables say nothing of colours.
bool tells_color(const Tile& tile) {
  return is_srgb(tile) || (tile.sample && tile.sample->set && tile.sample->set->some_in_srgb);
}

TableText columns_of(const Save& options, const Tile* tile) {
  std::vector<std::string> names{"slide", "x", "y", "level", "size", "mpp", "coverage", "label"};
  if (options.format == "none")
    names.push_back("dropped_because");
  else
    names.insert(names.begin(), "path");
  if (!tile) return {TableText::format(options.table), std::move(names)};
  if (tells_color(*tile)) names.push_back("color");
  for (const auto& [name, value] : tile->values) names.push_back(name);
  return {TableText::format(options.table), std::move(names)};
}

std::string image_name(const std::string& slide, std::int64_t x, std::int64_t y, const std::string& format) {
  return fmt::format("{}_x{}_y{}.{}", slide, x, y, format);
}

/// Before any tile is read, whichever of them lies far enough for a name that does not fit.
void check_names(const std::filesystem::path& folder, const SlideFacts& slide, const std::string& format) {
  const std::size_t longest = image_name(slide.name, slide.width(), slide.height(), format).size();
  const long most = ::pathconf(folder.c_str(), _PC_NAME_MAX);
  if (most > 0 && longest > static_cast<std::size_t>(most))
    throw Error(
        fmt::format("{}: the name is too long: with the places of tiles it has up to {} bytes, and in {} at "
                    "most {} fit; give the slide a shorter one",
                    slide.path.string(), longest, folder.string(), most));
}

/// What is written for one slide besides its tiles.
struct SlideFiles {
  std::once_flag opened;
  std::filesystem::path folder;
  std::optional<TableText> columns;  // set with the first row: tiles have columns of their own
  std::optional<OutFile> table;
  std::optional<Overview> overview;
  bool illustrated = false;
  std::map<std::string, std::uint64_t> tiles_of_class = {};

  void open(const Inputs& in, const Save& options, const SlideFacts* slide = nullptr) {
    std::call_once(opened, [&] {
      if (slide && options.format != "none") check_names(options.dir, *slide, options.format);
      folder = in.scope().stage(options.dir, in.scope().name());
      std::filesystem::create_directories(folder);
      table.emplace(folder / fmt::format("tiles.{}", options.table));
    });
  }
  void begin_table(const TableText& with) {
    columns.emplace(with);
    table->write(columns->header());
  }
};

void write_mask(const std::filesystem::path& path, const cv::Mat& mask) {
  std::vector<std::uint8_t> bytes;
  encode_mask_png(mask, bytes);
  write_file(path, bytes);
}

/// Writes the mask and begins the overview, while the levels that they were made from are still decoded.
void illustrate(SlideFiles& files, const Slide* slide, const Mask* mask) {
  if (std::exchange(files.illustrated, true)) return;
  if (mask) write_mask(files.folder / "mask.png", mask->pixels);
  if (slide) files.overview.emplace(*slide, mask);
}

/// The pixels of its level that the tile shows, as extract has it.
LevelWindow window_of(const Tile& tile, const Slide& slide) {
  constexpr double digits = 1e-9;  // what dividing by the downsample loses of a window of a half pixel
  const auto side = static_cast<int>(std::lround(tile.extent / slide.level(tile.level).downsample + digits));
  return window_at(slide, tile.level, tile.x, tile.y, tile.extent, side);
}

/// The tile as the slide's own JPEG tile, if it is one.
bool copy_jpeg(const Tile& tile, const Slide* slide, std::vector<std::uint8_t>& jpeg) {
  if (!slide || !tile.untouched) return false;
  const LevelWindow window = window_of(tile, *slide);
  const double downsample = slide->level(tile.level).downsample;
  const auto back = [&](std::int64_t pixel) { return std::llround(static_cast<double>(pixel) * downsample); };
  return back(window.column) == tile.x && back(window.row) == tile.y &&
         slide->copy_jpeg_tile(tile.level, window.column, window.row, tile.size(), jpeg);
}

/// The tile's pixels, read now if it came without.
cv::Mat pixels_of(const Tile& tile, const Slide* slide) {
  if (!tile.pixels.empty()) return tile.pixels;
  const LevelWindow window = window_of(tile, *slide);
  cv::Mat rgb(tile.size(), tile.size(), CV_8UC3);
  if (window.side == tile.size())
    slide->read(tile.level, window.column, window.row, rgb);
  else  // in blocks: what it takes does not depend on how much finer the level is
    read_area_average(*slide, tile.level, window.column, window.row, {window.side, window.side}, rgb);
  return rgb;
}

/// Samples of an epoch come from many slides, and one may be drawn twice: their number tells them apart.
std::string file_name(const Inputs& in, const Tile& tile, const std::string& format) {
  const std::string& scope = in.scope().name();
  return tile.sample ? fmt::format("{}_{:06}.{}", scope, in.index(), format)
                     : image_name(scope, tile.x, tile.y, format);
}

}  // namespace

void Save::describe(Description<Save>& d) {
  d.summary("Writes tiles as image files, with a table of them.")
      .details(
          "For each slide a folder: <slide>_x<x>_y<y>.png (or .jpg) for each tile, x and y in level-0 "
          "pixels; tiles.csv (or .tsv, .jsonl) with path (relative to the table), slide, x, y, level, size, "
          "mpp, coverage, label, and color where pixels were turned into sRGB, in the order of the grid; "
          "with `mask` connected mask.png (one bit a pixel, "
          "white = tissue); with `slide` connected overview.jpg, the slide with the mask's outline and the "
          "kept tiles. Samples of an epoch come from many slides and may be drawn twice: their files are "
          "called <epoch>_<number of the sample>, and `slide` says where each is from. The folder appears "
          "when all of it is written. With `format: none` only the table is written, and tells why a filter "
          "dropped its tiles. JPEG tiles that lie exactly on the slide's own are copied from the file, if "
          "`slide` is connected and nothing changed them; each is looked through to its end first, so that a "
          "damaged one is an error. Where a part of the slide is damaged the overview shows tissue on white, "
          "and the summary says so.")
      .example("files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: out}")
      .input<Tile>("tile")
      .optional_scope_input<Slide>("slide")
      .optional_scope_input<Mask>("mask");
  d.option("dir", &Save::dir, "folder to write to; it gets a folder for each slide")
      .required()
      .output_folder();
  d.option("format", &Save::format, "how tiles are encoded; png is lossless").choices({"png", "jpg", "none"});
  d.option("quality", &Save::quality, "of JPEG").at_least(1).at_most(100);
  d.option("effort", &Save::effort, "of PNG: small files are 2 to 10 % smaller and take forty times as long")
      .choices({"fast", "small"});
  d.option("passthrough", &Save::passthrough, "copy the slide's own JPEG tiles instead of compressing again");
  d.option("table", &Save::table, "format of the table of tiles").choices({"csv", "tsv", "jsonl"});
}

bool Save::needs_content(std::string_view input, const Costs& costs) const {
  const bool copies = format == "jpg" && passthrough && costs.has("slide");
  return input != "tile" || (format != "none" && !copies);
}

void Save::plan(Costs& costs) {
  // As large as incompressible tiles become in either format, and what is read where a tile cannot be copied.
  const std::size_t tile = costs.in("tile");
  costs.scratch = format == "none" ? 8 * KiB : tile + tile / 8 + (std::size_t{2} << 20);
  if (format == "jpg" && !needs_content("tile", costs))
    costs.scratch = tile + std::max({costs.scratch, 2 * tile, area_average_bytes()});
  if (effort == "small") costs.scratch += tile;
  costs.keeps = Overview::most_bytes;
}

Action Save::process(Inputs& in, Outputs&) {
  const Tile& tile = in.get<Tile>("tile");
  auto& files = in.state<SlideFiles>();
  files.open(in, *this, tile.sample ? nullptr : tile.slide.get());
  const auto opened = if_connected<Slide>(in, "slide");
  const std::string& slide = tile.sample && tile.slide ? tile.slide->name : in.scope().name();
  const std::string name = file_name(in, tile, format);
  std::vector<std::uint8_t> bytes;
  if (format == "png")
    encode_png(pixels_of(tile, opened.get()), bytes, effort == "small" ? PngEffort::small : PngEffort::fast);
  else if (format == "jpg" && !(passthrough && copy_jpeg(tile, opened.get(), bytes)))
    encode_jpeg(pixels_of(tile, opened.get()), quality, bytes);
  if (format != "none") write_file(files.folder / name, bytes);

  std::vector<TableCell> cells{slide,       tile.x,   tile.y,        tile.level,
                               tile.size(), tile.mpp, tile.coverage, tile.label};
  if (format == "none")
    cells.push_back(tile.dropped_because);
  else
    cells.insert(cells.begin(), name);
  if (tells_color(tile)) cells.emplace_back(is_srgb(tile) ? "icc" : "stored");
  for (const auto& [value_name, value] : tile.values) cells.emplace_back(value);
  const TableText columns = columns_of(*this, &tile);
  return [&files, columns, row = columns.row(cells), x = tile.x, y = tile.y, extent = tile.extent,
          label = tile.label, opened, mask = if_connected<Mask>(in, "mask")] {
    illustrate(files, opened.get(), mask.get());
    if (!files.columns) files.begin_table(columns);
    if (!(columns == *files.columns))
      throw Error(
          fmt::format("the tile at x {}, y {} has other values than those before it: a table has one set of "
                      "columns",
                      x, y));
    files.table->write(row);
    if (!label.empty()) ++files.tiles_of_class[label];
    if (files.overview) files.overview->add_tile(x, y, extent);
  };
}

void Save::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& files = in.state<SlideFiles>();
  files.open(in, *this);
  if (!files.columns) files.begin_table(columns_of(*this, nullptr));
  files.table->close();
  if (files.tiles_of_class.size() <= most_reported_classes)
    for (const auto& [label, tiles] : files.tiles_of_class)
      out.report(report::Quantity{"tiles of class " + label, static_cast<double>(tiles)});
  illustrate(files, if_connected<Slide>(in, "slide").get(), if_connected<Mask>(in, "mask").get());
  if (!files.overview) return;
  std::vector<std::uint8_t> bytes;
  encode_jpeg(files.overview->draw(), 85, bytes);
  write_file(files.folder / "overview.jpg", bytes);
  out.report(
      report::Figure{"tissue and tiles", dir, std::filesystem::path(in.scope().name()) / "overview.jpg"});
  if (!files.overview->problem().empty())
    out.note("overview.jpg does not show the slide: " + files.overview->problem());
}

}  // namespace flowrun::wsi
