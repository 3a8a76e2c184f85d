// SPDX-License-Identifier: Apache-2.0
#include "save_h5.h"

#include <flowrun/wsi/slide.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <stdexcept>
#include <vector>

#include "nodes/slide/coords_layout.h"
#include "nodes/base/out_file.h"
#include "nodes/image/zlib_stream.h"
#include "nodes/slide/sampling.h"
#include "nodes/table/h5_file.h"
#include "nodes/table/slide_names.h"

namespace flowrun::wsi {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr const char *coords = "coords", *imgs = "imgs";

/// The file of one slide, made with its first tile.
struct TilesFile {
  std::optional<H5Writer> file;
  std::optional<TileShape> shape;
};

constexpr const char* patches = "patches";
constexpr std::string_view clam_ending = ".h5", trident_ending = "_patches.h5";

std::filesystem::path unit_of(const SaveH5& options, const SlideFacts& slide, const std::string& name) {
  if (options.layout == "stamp") return name + ".h5";
  if (options.layout == "clam") return std::filesystem::path(patches) / (name + std::string(clam_ending));
  return std::filesystem::path(patches) /
         (trident_name(name, slide.path.string()) + std::string(trident_ending));
}

H5Attributes attributes_of(const SaveH5& options, const TileShape& shape, const SlideFacts& slide) {
  H5Attributes attributes = options.layout == "clam" ? clam_attributes(shape, slide, patches)
                            : options.layout == "stamp"
                                ? stamp_attributes(shape, slide)
                                : trident_attributes(shape, slide, ".", options.magnification);
  if (slide.color == Color::icc) attributes.emplace_back("color", "icc");
  return attributes;
}

/// The file with its datasets, without rows.
void create(const SaveH5& options, const TileShape& shape, const SlideFacts& slide, const Scope& scope,
            std::optional<H5Writer>& file) {
  if (slide.levels.empty())
    throw Error("tiles of image files have no place on a slide: give tiles that extract cut");
  const H5Attributes attributes = attributes_of(options, shape, slide);
  const bool stamp = options.layout == "stamp", trident = options.layout == "trident";
  file.emplace(scope.stage(options.dir, unit_of(options, slide, scope.name())));
  // TRIDENT writes chunks of one row.
  file->add(
      {coords, stamp ? H5Type::float32 : H5Type::int64, {2}, trident ? std::size_t{1} : std::size_t{32}});
  for (const auto& [name, value] : attributes) file->attribute(stamp ? h5_whole_file : coords, name, value);
  if (!options.pixels) return;
  const auto side = static_cast<std::size_t>(shape.size);
  file->add({imgs, H5Type::uint8, {side, side, 3}, 1, options.gzip});
  if (options.layout != "clam") return;
  for (const auto& [name, value] : clam_pixel_attributes(attributes)) file->attribute(imgs, name, value);
}

/// Appends the place of a tile.
void append_place(H5Writer& file, const Tile& tile, bool in_microns) {
  if (!in_microns) return file.append<std::int64_t>(coords, std::array{tile.x, tile.y});
  const double mpp = tile.slide->mpp_or_throw();
  const auto microns = [&](std::int64_t pixel) {
    return static_cast<float>(static_cast<double>(pixel) * mpp);
  };
  file.append<float>(coords, std::array{microns(tile.x), microns(tile.y)});
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
  d.summary("Writes where tiles are as HDF5 files that CLAM, TRIDENT or STAMP go on with.")
      .details(
          "clam: patches/<slide>.h5 in `dir`, for CLAM's extract_features_fp.py. The tiles must be pixels of "
          "a level as they are. trident: patches/<slide>_patches.h5 in `dir`, which is what TRIDENT calls "
          "the coords folder (<job>/20x_256px_0px_overlap); of case.ome.tif TRIDENT's name is case. Each has "
          "the dataset coords: int64 (tiles, 2), level-0 x and y, with the tool's attributes; save_path and "
          "savetodir are relative to `dir`. stamp: <slide>.h5 in `dir`, coords in microns (level-0 pixels "
          "times the slide's MPP) as float32, and the file's attributes unit, tile_size_um, tile_size_px and "
          "feat_type; feats and extractor are for who adds features. Rows are in the order of the grid, row "
          "by row; CLAM writes column by column within each piece of tissue, but neither tool depends on the "
          "order. TRIDENT's magnification of level 0 is found as TRIDENT finds it: from the MPP (below 0.3: "
          "40, below 0.6: 20, and so on), else the objective power; target_magnification is exact and need "
          "not be whole. A slide without tiles gets no file in layouts clam and stamp; in layout trident a "
          "file without rows if `size` is given, else none. `pixels` adds the dataset imgs: uint8 (tiles, "
          "size, size, 3), RGB, a chunk a tile; in layout clam with the attributes that StitchPatches reads, "
          "which takes places for pixels of the tiles' level and so stitches tiles of level 0 only. With "
          "`process_list` the end of a run writes process_list_autogen.csv, which extract_features_fp.py "
          "takes as --csv_path: all slides with a file in patches, also those of earlier runs, by the name "
          "of the file; slides without tiles are not in it, as that script fails where there is no file.")
      .resumes()
      .example("coords: {type: save_h5, from: {tile: tiles, slide: slides}, dir: out_h5}")
      .input<Tile>("tile")
      .optional_scope_input<Slide>("slide");
  d.option("dir", &SaveH5::dir, "folder to write to").required().output_folder();
  d.option("layout", &SaveH5::layout, "whose files").choices({"clam", "trident", "stamp"});
  d.option("pixels", &SaveH5::pixels, "write the tiles' pixels too");
  d.option("gzip", &SaveH5::gzip, "level of compression of pixels; 0: none").at_least(0).at_most(9);
  d.option("process_list", &SaveH5::process_list, "clam: write the list of slides too");
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
  const auto only = [this](const char* of, const char* option, bool given) {
    if (given && layout != of)
      throw OptionError(option, fmt::format("it is an option of layout {}", of),
                        fmt::format("layout: {}", of));
  };
  only("trident", "magnification", magnification.has_value());
  only("trident", "size", size.has_value());
  only("clam", "process_list", process_list);
  if (mpp && !size) throw OptionError("mpp", "it says something only together with size", "size");
  if (size && !costs.has("slide"))
    throw OptionError("size", "a file for a slide without tiles needs the slide", "connect the input slide");
  if (gzip > 0 && !pixels) throw OptionError("gzip", "only pixels are compressed", "pixels: true");
  const std::size_t tile = costs.in("tile");
  costs.scratch = pixels ? tile + tile / 16 + (std::size_t{1} << 20) : 0;
  costs.keeps = H5Writer::library_bytes + 2 * H5Writer::buffer_bytes;
}

Action SaveH5::process(Inputs& in, Outputs&) {
  const auto tile = in.share<Tile>("tile");
  auto& slide = in.state<TilesFile>();
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
    append_place(*slide.file, *tile, layout == "stamp");
    if (pixels) slide.file->append_chunk(imgs, chunk);
  };
}

void SaveH5::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& slide = in.state<TilesFile>();
  if (!slide.shape && layout == "trident") write_empty(in, out);
  if (slide.file) slide.file->close();
}

/// From what is there, as a run may have other slides than the runs before it.
std::vector<std::string> SaveH5::patched_slides() const {
  std::vector<std::string> slides;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(dir / patches, none)) {
    const std::string file = entry.path().filename().string();
    if (file.starts_with('.') || !file.ends_with(clam_ending)) continue;
    // One of a node beside this one with layout trident, or of a slide that is called so.
    if (file.ends_with(trident_ending) && !H5Reader(entry.path()).number(coords, "patch_level")) continue;
    slides.push_back(file.substr(0, file.size() - clam_ending.size()));
  }
  std::ranges::sort(slides);
  return slides;
}

Packets SaveH5::finish_run(Inputs& in, Outputs& out) {
  if (!process_list || in.scope().failed()) return {};
  const std::vector<std::string> slides = patched_slides();
  for (const std::string& slide : slides)
    if (has_extension(slide))
      out.note(
          fmt::format("{}: CLAM takes the extension off and finds no {}/{}.h5: rename one of the slides of "
                      "this name",
                      slide, patches, slide_stem(slide)));
  write_file(in.scope().stage(dir, "process_list_autogen.csv"), clam_process_list(slides));
  return {};
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
