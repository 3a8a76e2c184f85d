// SPDX-License-Identifier: Apache-2.0
#include "extract.h"

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/tile.h>

#include <utility>

#include "grid.h"
#include "nodes/wsi/picture.h"

namespace flowrun::wsi {
namespace {

class Tiles final : public Generator {
 public:
  Tiles(std::shared_ptr<const Slide> slide, std::shared_ptr<const Mask> mask, Grid grid, double min_coverage)
      : slide_(std::move(slide)),
        mask_(std::move(mask)),
        grid_(std::move(grid)),
        min_coverage_(min_coverage) {
    if (const auto mpp = slide_->facts().mpp) mpp_ = *mpp * grid_.extent() / grid_.size();
  }

  std::optional<Work> next() override {
    while (const auto cell = grid_.next()) {
      std::optional<double> coverage;
      if (mask_) coverage = mask_->coverage(cell->x, cell->y, grid_.extent());
      if (coverage && *coverage < min_coverage_) continue;
      return Work{[this, cell = *cell, coverage](Outputs& out) { out.emit("tile", read(cell, coverage)); }};
    }
    return {};
  }

  std::size_t extra_bytes() const override { return scaled() ? bytes_of(grid_.window()) : 0; }

 private:
  static std::size_t bytes_of(int side) {
    return static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3;
  }
  bool scaled() const { return grid_.window() != grid_.size(); }

  Tile read(const Grid::Cell& cell, std::optional<double> coverage) const {
    Tile tile;
    tile.pixels.create(grid_.size(), grid_.size(), CV_8UC3);
    read_scaled(*slide_, grid_.level(), cell.column, cell.row, {grid_.window(), grid_.window()}, tile.pixels);
    tile.x = cell.x;
    tile.y = cell.y;
    tile.level = grid_.level();
    tile.extent = grid_.extent();
    tile.mpp = mpp_;
    tile.coverage = coverage;
    tile.slide = slide_->share_facts();
    return tile;
  }

  const std::shared_ptr<const Slide> slide_;
  const std::shared_ptr<const Mask> mask_;
  Grid grid_;
  const double min_coverage_;
  std::optional<double> mpp_;
};

}  // namespace

void Extract::describe(Description<Extract>& d) {
  d.summary("Cuts a slide into square tiles.")
      .details(
          "Tiles lie on a regular grid from the slide's top left corner and come row by row. With a mask, "
          "tiles with less "
          "tissue than min_coverage are left out before they are read. At an MPP that no level has, tiles "
          "are scaled down "
          "from the next finer level. Padding has the slide's background colour, which is white unless the "
          "slide says otherwise.")
      .example("tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 512, min_coverage: 0.1}")
      .input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .output<Tile>("tile");
  d.option("size", &Extract::size, "width and height of a tile in its own pixels").at_least(1).at_most(16384);
  d.option("stride", &Extract::stride, "tile pixels from one tile to the next; the size, if not given")
      .at_least(1)
      .at_most(1 << 20);
  d.option("level", &Extract::level, "level to read; 0, if neither it nor mpp is given").at_least(0);
  d.option("mpp", &Extract::mpp, "microns per tile pixel").above(0);
  d.option("min_coverage", &Extract::min_coverage, "share of tissue that a tile needs")
      .at_least(0)
      .at_most(1);
  d.option("edge", &Extract::edge, "tiles that reach over the slide's edge: drop them, or pad them")
      .choices({"drop", "pad"});
}

void Extract::plan(Costs& costs) {
  if (level && mpp) throw OptionError("mpp", "the resolution is given twice", "level or mpp");
  const std::size_t pixels = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  costs.out("tile", pixels * 3);
  costs.scratch = pixels * PixelReader::scratch_per_pixel;
}

std::unique_ptr<Generator> Extract::start(Inputs& in) {
  const auto slide = in.share<Slide>("slide");
  const auto mask = in.has("mask") ? in.share<Mask>("mask") : nullptr;
  const Edge at_edge = edge == "pad" ? Edge::pad : Edge::drop;
  Grid grid = mpp ? Grid::at_mpp(*slide, *mpp, size, stride.value_or(size), at_edge)
                  : Grid::on_level(*slide, level.value_or(0), size, stride.value_or(size), at_edge);
  return std::make_unique<Tiles>(slide, mask, std::move(grid), min_coverage);
}

}  // namespace flowrun::wsi
