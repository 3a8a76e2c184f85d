// SPDX-License-Identifier: Apache-2.0
#include "save.h"

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <mutex>
#include <optional>
#include <utility>

#include "nodes/wsi/csv.h"
#include "nodes/wsi/jpeg.h"
#include "nodes/wsi/out_file.h"
#include "nodes/wsi/png.h"
#include "overview.h"

namespace flowrun::wsi {
namespace {

/// What is written for one slide besides its tiles.
struct SlideFiles {
  std::once_flag opened;
  std::filesystem::path folder;
  std::optional<OutFile> table;
  std::optional<Overview> overview;
  bool illustrated = false;

  void open(const Inputs& in, const std::filesystem::path& dir) {
    std::call_once(opened, [&] {
      folder = in.scope().stage(dir, in.scope().name());
      std::filesystem::create_directories(folder);
      table.emplace(folder / "tiles.csv");
      table->write("path,slide,x,y,level,size,mpp,coverage\n");
    });
  }
};

std::string number(const std::optional<double>& value) {
  return value ? fmt::format("{}", *value) : "";
}

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

template <class T>
std::shared_ptr<const T> if_connected(const Inputs& in, const char* port) {
  return in.has(port) ? in.share<T>(port) : nullptr;
}

}  // namespace

void Save::describe(Description<Save>& d) {
  d.summary("Writes tiles as image files, with a table of them.")
      .details(
          "For each slide a folder: <slide>_x<x>_y<y>.png (or .jpg) for each tile, x and y in level-0 "
          "pixels; tiles.csv with path "
          "(relative to the table), slide, x, y, level, size, mpp, coverage, in the order of the grid; with "
          "`mask` connected "
          "mask.png (one bit a pixel, white = tissue); with `slide` connected overview.jpg, the slide with "
          "the mask's outline "
          "and the kept tiles. The folder "
          "appears when all of it is written.")
      .example("files: {type: save, from: {tile: tiles, slide: slides, mask: tissue}, dir: out}")
      .in_order()
      .input<Tile>("tile")
      .optional_scope_input<Slide>("slide")
      .optional_scope_input<Mask>("mask");
  d.option("dir", &Save::dir, "folder to write to; it gets a folder for each slide")
      .required()
      .output_folder();
  d.option("format", &Save::format, "how tiles are encoded; png is lossless").choices({"png", "jpg"});
  d.option("quality", &Save::quality, "of JPEG").at_least(1).at_most(100);
}

void Save::plan(Costs& costs) {
  // As large as incompressible tiles become in either format.
  const std::size_t tile = costs.in("tile");
  costs.scratch = tile + tile / 8 + (std::size_t{1} << 20);
  costs.keeps = Overview::most_bytes;
}

void Save::process(Inputs& in, Outputs& out) {
  const Tile& tile = in.get<Tile>("tile");
  auto& files = in.state<SlideFiles>();
  files.open(in, dir);
  std::vector<std::uint8_t> bytes;
  if (format == "png")
    encode_png(tile.pixels, bytes);
  else
    encode_jpeg(tile.pixels, quality, bytes);
  const std::string& slide = in.scope().name();
  const std::string name = fmt::format("{}_x{}_y{}.{}", slide, tile.x, tile.y, format);
  write_file(files.folder / name, bytes);

  const std::string row =
      fmt::format("{},{},{},{},{},{},{},{}\n", csv_field(name), csv_field(slide), tile.x, tile.y, tile.level,
                  tile.pixels.cols, number(tile.mpp), number(tile.coverage));
  out.in_order([&files, row, x = tile.x, y = tile.y, extent = tile.extent,
                opened = if_connected<Slide>(in, "slide"), mask = if_connected<Mask>(in, "mask")] {
    illustrate(files, opened.get(), mask.get());
    files.table->write(row);
    if (files.overview) files.overview->add_tile(x, y, extent);
  });
}

void Save::finish(Inputs& in, Outputs&) {
  if (in.scope().failed()) return;
  auto& files = in.state<SlideFiles>();
  files.open(in, dir);
  files.table->close();
  illustrate(files, if_connected<Slide>(in, "slide").get(), if_connected<Mask>(in, "mask").get());
  if (!files.overview) return;
  std::vector<std::uint8_t> bytes;
  encode_jpeg(files.overview->draw(), 85, bytes);
  write_file(files.folder / "overview.jpg", bytes);
}

}  // namespace flowrun::wsi
