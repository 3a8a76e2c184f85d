// SPDX-License-Identifier: Apache-2.0
#include "save_h5.h"

#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <array>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "coords_layout.h"
#include "nodes/image/zlib_stream.h"
#include "nodes/slide/sampling.h"
#include "nodes/table/h5_file.h"

namespace flowrun::wsi {
namespace {

using Bytes = std::vector<std::uint8_t>;

/// The file of one slide, made with its first tile.
struct SlideFile {
  std::optional<H5Writer> file;
  std::optional<TileShape> shape;
};

std::filesystem::path file_of(const SaveH5& options, const Scope& scope) {
  const char* const ending = options.layout == "clam" ? ".h5" : "_patches.h5";
  return scope.stage(options.dir, std::filesystem::path("patches") / (scope.name() + ending));
}

H5Attributes attributes_of(const SaveH5& options, const TileShape& shape, const SlideFacts& slide) {
  if (options.layout == "clam") return clam_attributes(shape, slide, "patches");
  return trident_attributes(shape, slide, ".", options.magnification);
}

/// The file with its datasets, without rows.
void create(const SaveH5& options, const TileShape& shape, const SlideFacts& slide, const Scope& scope,
            std::optional<H5Writer>& file) {
  const H5Attributes attributes = attributes_of(options, shape, slide);
  file.emplace(file_of(options, scope));
  // CLAM writes chunks of 32 rows, TRIDENT of one.
  file->add({"coords", H5Type::int64, {2}, options.layout == "clam" ? std::size_t{32} : std::size_t{1}});
  for (const auto& [name, value] : attributes) file->attribute("coords", name, value);
  if (!options.pixels) return;
  const auto side = static_cast<std::size_t>(shape.size);
  file->add({"imgs", H5Type::uint8, {side, side, 3}, 1, options.gzip});
}

/// A tile's pixels as they lie in the file.
Bytes chunk_of(const Tile& tile, int gzip) {
  const cv::Mat& rgb = rgb_of(tile);
  const cv::Mat pixels = rgb.isContinuous() ? rgb : rgb.clone();
  const std::span bytes(pixels.data, pixels.total() * pixels.elemSize());
  return gzip > 0 ? zlib_stream(bytes, gzip) : Bytes(bytes.begin(), bytes.end());
}

}  // namespace

void SaveH5::describe(Description<SaveH5>& d) {
  d.summary("Writes where tiles are as HDF5 files that CLAM or TRIDENT go on with.")
      .details(
          "clam: patches/<slide>.h5 in `dir`, for CLAM's extract_features_fp.py. The tiles must be pixels of "
          "a level as they are. trident: patches/<slide>_patches.h5 in `dir`, which is what TRIDENT calls "
          "the coords folder (<job>/20x_256px_0px_overlap). Each has the dataset coords: int64 (tiles, 2), "
          "level-0 x and y, with the tool's attributes; save_path and savetodir are relative to `dir`. Rows "
          "are in the order of the grid, row by row; CLAM writes column by column within each piece of "
          "tissue, but neither tool depends on the order. TRIDENT's magnification of level 0 is found as "
          "TRIDENT finds it: from the MPP (below 0.3: 40, below 0.6: 20, and so on), else the objective "
          "power; target_magnification is exact and need not be whole. A slide without tiles gets no file in "
          "layout clam; in layout trident a file without rows if `size` is given, else none. `pixels` adds "
          "the dataset imgs: uint8 (tiles, size, size, 3), RGB, a chunk a tile.")
      .example("coords: {type: save_h5, from: {tile: tiles, slide: slides}, dir: out_h5}")
      .input<Tile>("tile")
      .optional_scope_input<Slide>("slide");
  d.option("dir", &SaveH5::dir, "folder to write to").required().output_folder();
  d.option("layout", &SaveH5::layout, "whose files").choices({"clam", "trident"});
  d.option("pixels", &SaveH5::pixels, "write the tiles' pixels too");
  d.option("gzip", &SaveH5::gzip, "level of compression of pixels; 0: none").at_least(0).at_most(9);
  d.option("magnification", &SaveH5::magnification, "trident: that of level 0, instead of the slide's")
      .above(0)
      .at_most(1000);
  d.option("size", &SaveH5::size, "trident: pixels of a tile, to be written for slides without tiles")
      .at_least(1)
      .at_most(16384);
  d.option("mpp", &SaveH5::mpp, "trident: microns per tile pixel, likewise; that of level 0, if not given")
      .above(0);
}

void SaveH5::plan(Costs& costs) {
  const auto only_trident = [this](const char* option, bool given) {
    if (given && layout != "trident")
      throw OptionError(option, "it is an option of layout trident", "layout: trident");
  };
  only_trident("magnification", magnification.has_value());
  only_trident("size", size.has_value());
  if (mpp && !size) throw OptionError("mpp", "it says something only together with size", "size");
  if (size && costs.in("slide") == 0)
    throw OptionError("size", "a file for a slide without tiles needs the slide", "connect the input slide");
  if (gzip > 0 && !pixels) throw OptionError("gzip", "only pixels are compressed", "pixels: true");
  const std::size_t tile = costs.in("tile");
  costs.scratch = pixels ? tile + tile / 16 + (std::size_t{1} << 20) : 0;
  costs.keeps = H5Writer::library_bytes + 2 * H5Writer::buffer_bytes;
}

Action SaveH5::process(Inputs& in, Outputs&) {
  const auto tile = in.share<Tile>("tile");
  auto& slide = in.state<SlideFile>();
  return [this, tile, &slide, &scope = in.scope(), chunk = pixels ? chunk_of(*tile, gzip) : Bytes()] {
    const TileShape shape(*tile);
    if (!slide.shape) {
      if (size && *size != shape.size)
        throw Error(fmt::format("tiles have {} pixels, but size says {}", shape.size, *size));
      create(*this, shape, *tile->slide, scope, slide.file);
      slide.shape = shape;
    }
    if (shape != *slide.shape)
      throw Error(fmt::format(
          "the tile at x {}, y {} has another size, level, extent or overlap than those before it; one HDF5 "
          "file has tiles of one kind",
          tile->x, tile->y));
    slide.file->append<std::int64_t>("coords", std::array{tile->x, tile->y});
    if (pixels) slide.file->append_chunk("imgs", chunk);
  };
}

void SaveH5::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& slide = in.state<SlideFile>();
  if (!slide.shape && layout == "trident") write_empty(in, out);
  if (slide.file) slide.file->close();
}

void SaveH5::write_empty(Inputs& in, Outputs& out) const {
  if (!size) return out.note("there was no tile, so no file; with `size` set it gets one without rows");
  const auto& slide = in.get<Slide>("slide");
  // As extract reads its tiles: at a level's own MPP where that is near enough.
  const Sampling sampling = mpp ? Sampling::at_mpp(slide, *mpp) : Sampling();
  const TileShape shape(*size, *size * sampling.ratio * slide.level(sampling.level).downsample);
  std::optional<H5Writer> file;
  create(*this, shape, slide.facts(), in.scope(), file);
  file->close();
}

}  // namespace flowrun::wsi
