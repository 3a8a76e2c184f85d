// SPDX-License-Identifier: Apache-2.0
#include "save_tiff.h"

#include <flowrun/wsi/slide.h>

#include <cmath>
#include <mutex>
#include <optional>

#include "nodes/slide/picture.h"
#include "tile_mosaic.h"

namespace flowrun::wsi {
namespace {

constexpr int largest_own_tile = 512;

TiffTiles tiles_of(const SaveTiff& options) {
  return options.compression == "jpeg" ? TiffTiles::jpeg : TiffTiles::deflate_rgb;
}

/// A tile's pixels and reading them.
std::size_t making_bytes(int side) {
  return static_cast<std::size_t>(side) * static_cast<std::size_t>(side) * 3 + Picture::read_bytes();
}

/// Makes a tile from its place in a picture.
TileStream tile_from(const Picture& picture, std::int64_t x, std::int64_t y, const TiffPyramid& pyramid,
                     int quality) {
  cv::Mat rgb(pyramid.tile, pyramid.tile, CV_8UC3);
  picture.read(x, y, rgb);
  return encode_tile(rgb, pyramid.tiles, quality);
}

/// Each level from the one before, read back from the file: so memory does not grow with the slide.
void write_smaller_levels(TiffPyramidWriter& writer, const std::filesystem::path& path,
                          const TiffPyramid& pyramid, int quality, const Scope& scope) {
  for (int level = 1; level < pyramid.level_count(); ++level) {
    const Picture half = Picture::half_of_last(Slide::open(path, scope.name()));
    const auto make = [&](int, std::int64_t x, std::int64_t y) {
      return tile_from(half, x, y, pyramid, quality);
    };
    if (!writer.write_level(scope, making_bytes(pyramid.tile), make)) return;
  }
}

/// What is made of the tiles of one slide.
struct Output {
  std::optional<TileMosaic> mosaic;
  bool from_slide = false;
};

}  // namespace

void SaveTiff::describe(Description<SaveTiff>& d) {
  d.summary("Writes a slide as a pyramidal TIFF.")
      .details(
          "<slide>.tif, which slide viewers open, with its microns per pixel. Connect either `slide`, which "
          "is converted from the resolution asked for, in tiles of 512 x 512 pixels (smaller for a small "
          "picture without loss); or `tile`: tiles of a grid without overlap (from `extract` with stride = "
          "size, then changed at will), whose size becomes that of the file's tiles and must be a multiple "
          "of 16. Where there is no tile, the file has the slide's background colour. Each further level is "
          "half the size and averaged from the one before. Files that could pass 4 GB are BigTIFFs.")
      .example("tiffs: {type: save_tiff, from: {slide: slides}, dir: tiffs}")
      .optional_input<Slide>("slide")
      .optional_input<Tile>("tile");
  d.option("dir", &SaveTiff::dir, "folder to write to").required().output_folder();
  d.option("level", &SaveTiff::level, "the slide's level to begin with; 0, if nothing says otherwise")
      .at_least(0);
  d.option("mpp", &SaveTiff::mpp, "microns per pixel to begin with").above(0);
  d.option("downsample", &SaveTiff::downsample, "level-0 pixels per pixel to begin with").at_least(1);
  d.option("compression", &SaveTiff::compression, "deflate is lossless").choices({"jpeg", "deflate"});
  d.option("quality", &SaveTiff::quality, "of JPEG").at_least(1).at_most(100);
}

void SaveTiff::plan(Costs& costs) {
  if (costs.has("slide") == costs.has("tile"))
    throw Error(costs.has("tile") ? "both 'slide' and 'tile' are connected: connect one of them"
                                  : "neither 'slide' nor 'tile' is connected: connect one of them");
  Resolution{level, mpp, downsample}.check();
  if (costs.has("tile") && (level || mpp || downsample))
    throw OptionError(level ? "level"
                      : mpp ? "mpp"
                            : "downsample",
                      "tiles have a resolution of their own", "say it to the node that extracts them");
  int side = largest_own_tile;
  if (costs.has("tile")) {
    side = std::max(16, static_cast<int>(std::sqrt(static_cast<double>(costs.in("tile")) / 3)));
    costs.scratch = encode_tile_bytes(side, tiles_of(*this));
  }
  costs.keeps = TiffPyramid::most_bytes(side, tiles_of(*this), making_bytes(side)) + Slide::cache_bytes;
}

Action SaveTiff::process(Inputs& in, Outputs&) {
  auto& output = in.state<Output>();
  const TiffTiles tiles = tiles_of(*this);
  const auto path = in.scope().stage(dir, in.scope().name() + ".tif");
  if (in.has("slide")) {
    output.from_slide = true;
    const Picture picture = Picture::at(in.get<Slide>("slide"), {level, mpp, downsample});
    const TiffPyramid pyramid{picture.size(), TiffPyramid::suitable_tile(picture.size(), tiles), tiles,
                              picture.mpp()};
    TiffPyramidWriter writer(path, pyramid);
    const auto make = [&](int, std::int64_t x, std::int64_t y) {
      return tile_from(picture, x, y, pyramid, quality);
    };
    if (writer.write_level(in.scope(), making_bytes(pyramid.tile), make))
      write_smaller_levels(writer, path, pyramid, quality, in.scope());
    return {};
  }
  const Tile& tile = in.get<Tile>("tile");
  check_tile_side(rgb_of(tile));
  const TileStream stream = encode_tile(tile.pixels, tiles, quality);
  return [&output, path, tiles, place = MosaicTile(tile), mpp = tile.mpp, slide = tile.slide, stream] {
    if (!output.mosaic) output.mosaic.emplace(path, place, mpp, slide, tiles);
    output.mosaic->add(place, *stream);
  };
}

void SaveTiff::finish(Inputs& in, Outputs& out) {
  auto& output = in.state<Output>();
  if (in.scope().failed() || output.from_slide) return;
  if (!output.mosaic) return out.note("no tiles came, so there is no TIFF");
  TileMosaic& mosaic = *output.mosaic;
  const TiffPyramid& pyramid = mosaic.pyramid();
  const auto& b = mosaic.slide().background;
  const cv::Mat gap(pyramid.tile, pyramid.tile, CV_8UC3, cv::Scalar(b[0], b[1], b[2]));
  mosaic.close(*encode_tile(gap, pyramid.tiles, quality));
  write_smaller_levels(mosaic.writer(), mosaic.path(), pyramid, quality, in.scope());
}

}  // namespace flowrun::wsi
