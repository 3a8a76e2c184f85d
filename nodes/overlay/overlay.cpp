// SPDX-License-Identifier: Apache-2.0
#include "overlay.h"

#include <flowrun/wsi/slide.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/image/tiff_pyramid.h"
#include "nodes/region/mask_picture.h"
#include "nodes/slide/picture.h"

namespace flowrun::wsi {
namespace {

constexpr int tile_side = 512;
constexpr std::size_t tile_pixels = std::size_t{tile_side} * tile_side;

Picture picture_for(const Overlay& options, const Inputs& in) {
  return Picture::at(in.get<Slide>("slide"), {options.level, options.mpp, options.downsample});
}

/// A tile's pixels, its mask and the opposite of it, and reading them.
std::size_t making_bytes() {
  return tile_pixels * (3 + 1 + 1) + Picture::read_bytes();
}

/// For each value of the mask 255 when it is inside, else 0.
using InsideTable = std::array<std::uint8_t, 256>;

InsideTable inside_table(const ClassMask* classes, const std::vector<std::string>& only, Outputs& out) {
  InsideTable table{};
  table.fill(classes && !only.empty() ? 0 : 255);
  table[0] = 0;
  if (!classes) return table;
  for (const std::string& name : only) {
    if (const Class* wanted = classes->find(name)) {
      table[wanted->value] = 255;
      continue;
    }
    std::vector<std::string> names;
    for (const Class& c : classes->classes()) names.push_back(c.name);
    out.note(fmt::format("'only': a slide has no class '{}' (it has {})", name,
                         names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  }
  return table;
}

}  // namespace

void Overlay::describe(Description<Overlay>& d) {
  d.summary("Writes what lies inside a mask as a slide of its own.")
      .details(
          "<slide>.overlay.tif: the slide's pixels inside the tissue `mask` or the regions of `classes` "
          "(connect one of them), black outside; a pyramidal TIFF in JPEG tiles of 512 x 512 pixels that "
          "slide viewers open, with its microns per pixel. Each level is made from the slide and the mask at "
          "its own resolution. The slide is read only around what is inside.")
      .example("overlays: {type: overlay, from: {slide: slides, mask: tissue}, dir: overlays}")
      .input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .optional_scope_input<ClassMask>("classes");
  d.option("dir", &Overlay::dir, "folder to write to").required().output_folder();
  d.option("level", &Overlay::level, "the slide's level to begin with; 0, if nothing says otherwise")
      .at_least(0);
  d.option("mpp", &Overlay::mpp, "microns per pixel to begin with").above(0);
  d.option("downsample", &Overlay::downsample, "level-0 pixels per pixel to begin with").at_least(1);
  d.option("quality", &Overlay::quality, "of JPEG").at_least(1).at_most(100);
  d.option("outside", &Overlay::outside, "colour outside").choices({"black", "white"});
  d.option("only", &Overlay::only, "names of the classes whose regions are shown; all, if not given");
}

void Overlay::plan(Costs& costs) {
  check_mask_inputs(costs);
  Resolution{level, mpp, downsample}.check();
  if (!only.empty() && !costs.has("classes"))
    throw OptionError("only", "a tissue mask has no classes", "connect 'classes' instead of 'mask'");
  costs.scratch = TiffPyramid::most_bytes(tile_side, TiffTiles::jpeg, making_bytes());
}

CallBytes Overlay::bytes(const Inputs& in) const {
  const Picture picture = picture_for(*this, in);
  return {.scratch = TiffPyramid{picture.size(), tile_side, TiffTiles::jpeg, {}}.bytes(making_bytes())};
}

void Overlay::process(Inputs& in, Outputs& out) {
  std::vector<Picture> pictures{picture_for(*this, in)};
  const MaskPicture mask(in, pictures[0].downsample());
  InsideTable is_inside = inside_table(mask.classes(), only, out);
  const cv::Mat table(1, 256, CV_8UC1, is_inside.data());

  const TiffPyramid pyramid{pictures[0].size(), tile_side, TiffTiles::jpeg, pictures[0].mpp()};
  while (static_cast<int>(pictures.size()) < pyramid.level_count())
    pictures.push_back(pictures.back().halved());
  const cv::Scalar colour = cv::Scalar::all(outside == "white" ? 255 : 0);
  const TileStream nothing =
      encode_tile(cv::Mat(tile_side, tile_side, CV_8UC3, colour), TiffTiles::jpeg, quality);

  TiffPyramidWriter writer(in.scope().stage(dir, in.scope().name() + ".overlay.tif"), pyramid);
  writer.write_levels(in.scope(), making_bytes(), [&](int at, std::int64_t x, std::int64_t y) {
    cv::Mat inside(tile_side, tile_side, CV_8UC1);
    mask.draw(at, x, y, inside);
    cv::LUT(inside, table, inside);
    const cv::Rect box = cv::boundingRect(inside);
    if (box.empty()) return nothing;
    cv::Mat rgb(tile_side, tile_side, CV_8UC3, colour);
    cv::Mat shown = rgb(box);
    pictures[static_cast<std::size_t>(at)].read(x + box.x, y + box.y, shown);
    shown.setTo(colour, ~inside(box));
    return encode_tile(rgb, TiffTiles::jpeg, quality);
  });
}

}  // namespace flowrun::wsi
