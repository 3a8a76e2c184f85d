// SPDX-License-Identifier: Apache-2.0
#include "save_mask.h"

#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>

#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <vector>

#include "nodes/base/out_file.h"
#include "nodes/image/png.h"
#include "nodes/image/tiff_pyramid.h"
#include "nodes/region/mask_picture.h"
#include "nodes/table/table_text.h"

namespace flowrun::wsi {
namespace {

/// Pixels of a mask that is encoded in one piece.
constexpr std::size_t most_png_pixels = std::size_t{1} << 26;

constexpr TiffTiles grey = TiffTiles::deflate_grey;
constexpr int largest_tile = 512;
constexpr std::size_t tile_bytes = std::size_t{largest_tile} * largest_tile;

/// Tiles of one value, encoded when first needed. Thread-safe.
class FlatTiles {
 public:
  explicit FlatTiles(int side) : side_(side) {}
  TileStream of(std::uint8_t value) {
    std::scoped_lock lock(mutex_);
    TileStream& stream = streams_[value];
    if (!stream) {
      const cv::Mat tile(side_, side_, CV_8UC1, cv::Scalar(value));
      stream = encode_tile(tile, grey);
    }
    return stream;
  }

 private:
  const int side_;
  std::mutex mutex_;
  std::array<TileStream, 256> streams_;
};

bool is_flat(const cv::Mat& tile) {
  return std::memcmp(tile.data, tile.data + 1, tile.total() - 1) == 0;
}

TiffPyramid pyramid_of(const MaskPicture& mask, const Slide& slide) {
  TiffPyramid pyramid{mask.size(), TiffPyramid::suitable_tile(mask.size(), grey), grey, {}};
  if (const auto mpp = slide.facts().mpp) pyramid.mpp = *mpp * mask.downsample();
  return pyramid;
}

void write_tiff(const std::filesystem::path& path, const MaskPicture& mask, const TiffPyramid& pyramid,
                const Scope& scope) {
  TiffPyramidWriter writer(path, pyramid);
  FlatTiles flat(pyramid.tile);
  writer.write_levels(scope, tile_bytes, [&](int level, std::int64_t x, std::int64_t y) {
    cv::Mat values(pyramid.tile, pyramid.tile, CV_8UC1);
    mask.draw(level, x, y, values);
    return is_flat(values) ? flat.of(values.data[0]) : encode_tile(values, grey);
  });
}

std::size_t png_bytes(cv::Size size) {
  return static_cast<std::size_t>(size.area()) + max_png_bytes(size.height, size.width, 1);
}

void check_png_size(const MaskPicture& mask) {
  const double pixels = static_cast<double>(mask.size().width) * mask.size().height;
  if (pixels <= static_cast<double>(most_png_pixels)) return;
  const double factor = std::sqrt(pixels / static_cast<double>(most_png_pixels));
  throw Error(fmt::format(
      "a mask of {} x {} pixels is too large for PNG, which is made in one piece of at most {} million "
      "pixels: say downsample: {:.0f} or more, or format: tiff",
      mask.size().width, mask.size().height, most_png_pixels / 1'000'000,
      std::ceil(mask.downsample() * factor)));
}

void write_png(const std::filesystem::path& path, const MaskPicture& mask) {
  cv::Mat values(mask.size(), CV_8UC1);
  mask.draw(0, 0, 0, values);
  std::vector<std::uint8_t> bytes;
  if (mask.classes())
    encode_png(values, bytes);
  else
    encode_mask_png(values, bytes);
  write_file(path, bytes);
}

void write_table(const std::filesystem::path& path, const ClassMask& classes) {
  const TableText text(TableText::Format::csv, {"name", "value", "colour"});
  OutFile table(path);
  table.write(text.header());
  for (const Class& c : classes.classes())
    table.write(
        text.row({c.name, c.value, fmt::format("#{:02x}{:02x}{:02x}", c.rgb[0], c.rgb[1], c.rgb[2])}));
  table.close();
}

}  // namespace

void SaveMask::describe(Description<SaveMask>& d) {
  d.summary("Writes the mask of a slide as a pyramidal TIFF or as a PNG.")
      .details(
          "Connect either `mask`: <slide>.mask.tif, tissue 255 on 0; or `classes`: <slide>.classes.tif, the "
          "value of each pixel's class, 0 where there is none, with <slide>.classes.csv beside it (name, "
          "value, colour of each class). One channel of 8 bits, compressed without loss. The TIFF is tiled, "
          "each level half the size of the one before and drawn by itself, for classes have no mean; it "
          "tells its microns per pixel, and may be a BigTIFF. PNG is made in one piece and refused above 67 "
          "million pixels; a tissue mask has one bit a pixel there.")
      .example("mask_files: {type: save_mask, from: {slide: slides, mask: tissue}, dir: masks}")
      .input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .optional_scope_input<ClassMask>("classes");
  d.option("dir", &SaveMask::dir, "folder to write to").required().output_folder();
  d.option("format", &SaveMask::format, "kind of file").choices({"tiff", "png"});
  d.option(
       "downsample", &SaveMask::downsample,
       "level-0 pixels per pixel of the file; if not given, a tissue mask keeps its resolution and classes "
       "have the slide's")
      .at_least(1);
}

void SaveMask::plan(Costs& costs) {
  check_mask_inputs(costs);
  const std::size_t pixels =
      costs.has("mask") && !downsample ? static_cast<std::size_t>(most_thumbnail_pixels) : most_png_pixels;
  costs.scratch = format == "png" ? pixels * 5 / 2 : TiffPyramid::most_bytes(largest_tile, grey, tile_bytes);
}

CallBytes SaveMask::bytes(const Inputs& in) const {
  const MaskPicture mask(in, downsample);
  if (format == "tiff") return {.scratch = pyramid_of(mask, in.get<Slide>("slide")).bytes(tile_bytes)};
  check_png_size(mask);
  return {.scratch = png_bytes(mask.size())};
}

void SaveMask::process(Inputs& in, Outputs&) {
  const MaskPicture mask(in, downsample);
  const std::string base = in.scope().name() + (mask.classes() ? ".classes" : ".mask");
  if (format == "tiff") {
    write_tiff(in.scope().stage(dir, base + ".tif"), mask, pyramid_of(mask, in.get<Slide>("slide")),
               in.scope());
  } else {
    check_png_size(mask);
    write_png(in.scope().stage(dir, base + ".png"), mask);
  }
  if (mask.classes()) write_table(in.scope().stage(dir, base + ".csv"), *mask.classes());
}

}  // namespace flowrun::wsi
