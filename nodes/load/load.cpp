// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <flowrun/rank.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nodes/image/image_file.h"
#include "nodes/slide/picture.h"
#include "nodes/slide/samples.h"

namespace flowrun::wsi {
namespace {

constexpr int largest_size = 16384;

class SampleTiles {
 public:
  SampleTiles(std::shared_ptr<const Epoch> epoch, int size) : epoch_(std::move(epoch)), size_(size) {}

  Tile tile(std::uint64_t place) const {
    const Samples& samples = *epoch_->samples;
    const std::uint32_t number = epoch_->order[place];
    const Samples::Row& row = samples.rows[number];
    try {
      Tile tile;
      tile.x = row.x;
      tile.y = row.y;
      tile.label = samples.labels[row.label];
      tile.mpp = row.mpp;
      if (row.image.empty())
        read_slide(row, tile);
      else
        read_file(row, tile);
      auto sample = std::make_shared<Sample>();
      sample->set = epoch_->set;
      sample->label = (*epoch_->labels)[row.label];
      const auto targets = samples.targets_of(number);
      sample->targets.assign(targets.begin(), targets.end());
      sample->validation = place >= epoch_->set->training_samples;
      sample->test = place >= epoch_->set->training_samples + epoch_->set->validation_samples;
      sample->held_out = place >= epoch_->order.size() - epoch_->set->held_out_samples;
      sample->number = number;
      sample->patient = samples.slides[row.slide].patient;
      sample->epoch = epoch_->number;
      sample->path = row.image;
      tile.sample = std::move(sample);
      return tile;
    } catch (const Error& problem) {
      throw Error(fmt::format("{}: {}", samples.name_of(row), problem.what()));
    }
  }

 private:
  void read_slide(const Samples::Row& row, Tile& tile) const {
    if (row.size != 0 && row.size != size_)
      throw Error(
          fmt::format("the sample has {} x {} pixels, expected {} x {}", row.size, row.size, size_, size_));
    const auto slide = epoch_->slides->get(row.slide);
    const SlideWindow window = window_of(*slide, row, size_);
    tile.pixels.create(size_, size_, CV_8UC3);
    read_scaled(*slide, window.level, window.column, window.row, {window.side, window.side}, tile.pixels);
    tile.level = window.level;
    tile.extent = window.extent;
    if (const auto mpp = slide->facts().mpp) tile.mpp = *mpp * window.extent / size_;
    tile.untouched = window.side == size_;
    tile.slide = slide->share_facts();
  }

  void read_file(const Samples::Row& row, Tile& tile) const {
    tile.pixels = read_image_file(row.image, size_);
    tile.level = row.level;
    tile.extent = row.extent.value_or(0);
    auto facts = std::make_shared<SlideFacts>();
    facts->name = epoch_->samples->slides[row.slide].file.name;
    tile.slide = std::move(facts);
  }

  std::shared_ptr<const Epoch> epoch_;
  int size_;
};

}  // namespace

void Load::describe(Description<Load>& d) {
  d.summary("Reads the samples of an epoch, as tiles.")
      .details(
          "Tile images (PNG or JPEG) are decoded; places in slides are read straight from them, in the order "
          "of the epoch, so no tile needs to be on disk. Both give the same pixels for lossless images. A "
          "sample that is missing, broken, cut off or of another size is an error of its own, with table and "
          "line, dealt with as on_error says: skip leaves it out, and nothing takes its place. Where several "
          "ranks train together, each reads its share, one after the other in turn.")
      .example("samples: {type: load, from: epochs, size: 256, on_error: skip}")
      .input<Epoch>("epoch")
      .output<Tile>("tile");
  d.option("size", &Load::size, "width and height of each sample in pixels")
      .required()
      .at_least(1)
      .at_most(largest_size);
}

void Load::plan(Costs& costs) {
  const std::size_t area = static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  costs.out("tile", area * 3);
  // The slide's reader, or a file as large as incompressible pixels make it: four samples of 16 bits.
  constexpr std::size_t file_per_pixel = 8;
  costs.scratch = area * std::max(PixelReader::scratch_per_pixel, file_per_pixel) + (std::size_t{64} << 10);
}

Packets Load::make(Inputs& in) {
  const auto epoch = in.share<Epoch>("epoch");
  Packets samples(epoch->order.size(), [tiles = SampleTiles(epoch, size), rank = rank_of_process()](
                                           std::uint64_t place, Outputs& out) {
    if (rank.has(place)) out.emit("tile", tiles.tile(place));
  });
  const auto side = static_cast<int>(std::lround(size * epoch->largest_ratio));
  // Windows that are smaller than the largest, and read at once, may need more.
  if (epoch->largest_ratio > 1)
    samples.extra_bytes = std::max(read_scaled_bytes({side, side}, {size, size}),
                                   is_read_in_blocks({side, side}) ? read_scaled_bytes() : 0);
  return samples;
}

}  // namespace flowrun::wsi
