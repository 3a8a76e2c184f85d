// SPDX-License-Identifier: Apache-2.0
#include "extract.h"

#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nodes/base/if_connected.h"
#include "nodes/slide/slide_files.h"
#include "nodes/table/slide_names.h"
#include "tiles.h"

namespace flowrun::wsi {
namespace {

constexpr int largest_size = 16384;
constexpr std::size_t most_sampled = 10'000'000;

Edge edge_of(const std::string& name) {
  return name == "pad" ? Edge::pad : name == "shift" ? Edge::shift : Edge::drop;
}

}  // namespace

void Extract::describe(Description<Extract>& d) {
  d.summary("Cuts a slide into square tiles.")
      .details(
          "Tiles lie on a regular grid from the slide's top left corner and come row by row. With a mask, "
          "tiles with less tissue than min_coverage are left out before they are read; with `classes` "
          "connected, tiles get a label from the annotations, and those with less of the wanted classes than "
          "min_class_coverage are left out. At an MPP or a magnification that no level has, tiles are scaled "
          "down from the next finer level; an MPP need only be near (mpp_tolerance), as scanners' 40x is "
          "0.25 microns, or 0.2525. Padding has the slide's background colour, which is white unless the "
          "slide says otherwise. Where all that follows is about places (save_h5, save_geojson, index), no "
          "pixel is read. With a cap, tiles are drawn at random: the same ones for the same seed, slide and "
          "grid, whatever else runs; a larger cap adds to them. With `coordinates` tiles lie where a file "
          "says, in its order: a table with columns x and y in level-0 pixels (a tiles.csv will do), or an "
          "HDF5 file of CLAM, TRIDENT (whose name of case.ome.tif is case) or STAMP (whose microns need the "
          "slide's MPP); the file also tells the resolution, if it does and no option is given, and must not "
          "contradict `size`. Labels come from that file, else from the annotations, else from `labels`.")
      .example("tiles: {type: extract, from: {slide: slides, mask: tissue}, size: 512, min_coverage: 0.1}")
      .input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .optional_scope_input<ClassMask>("classes")
      .output<Tile>("tile");
  d.option("size", &Extract::size, "width and height of a tile in its own pixels")
      .at_least(1)
      .at_most(largest_size);
  d.option("size_microns", &Extract::size_microns, "the same in microns; needs mpp").above(0);
  d.option("stride", &Extract::stride, "tile pixels from one tile to the next; the size, if not given")
      .at_least(1)
      .at_most(1 << 20);
  d.option("overlap", &Extract::overlap, "tile pixels that neighbours share, instead of stride").at_least(0);
  d.option("level", &Extract::level, "level to read; 0, if neither it nor mpp nor magnification is given")
      .at_least(0);
  d.option("mpp", &Extract::mpp, "microns per tile pixel").above(0);
  d.option("mpp_tolerance", &Extract::mpp_tolerance,
           "share of the MPP asked for by which a level may miss it and still be read as it is, the slide's "
           "finest level, too; the tiles' mpp is then the level's")
      .at_least(0)
      .at_most(0.5);
  d.option("magnification", &Extract::magnification, "objective power to read at, e.g. 20").above(0);
  d.option("edge", &Extract::edge,
           "tiles that reach over the slide's edge: drop them, pad them, or shift them back inside")
      .choices({"drop", "pad", "shift"});
  d.option("min_coverage", &Extract::min_coverage, "share of tissue that a tile needs")
      .at_least(0)
      .at_most(1);
  d.option("classes", &Extract::classes, "classes that count for min_class_coverage; all, if none is given");
  d.option("min_class_coverage", &Extract::min_class_coverage,
           "share of these classes together that a tile needs")
      .at_least(0)
      .at_most(1);
  d.option("label", &Extract::label,
           "a tile's label: the class of most pixels (no class counts too), or the class with the largest "
           "share from min_label_share on")
      .choices({"majority", "share"});
  d.option("min_label_share", &Extract::min_label_share, "share of pixels that gives a tile its label")
      .at_least(0)
      .at_most(1);
  d.option("no_class", &Extract::no_class, "label of tiles without a class");
  d.option("class_downsample", &Extract::class_downsample,
           "level-0 pixels per pixel in which classes are counted")
      .at_least(1);
  d.option("max_tiles", &Extract::max_tiles, "most tiles of a slide").at_least(1).at_most(most_sampled);
  d.option("max_tiles_per_class", &Extract::max_tiles_per_class, "most tiles of a slide with the same label")
      .at_least(1)
      .at_most(most_sampled);
  d.option("seed", &Extract::seed, "which tiles are drawn").at_least(0);
  d.option("coordinates", &Extract::coordinates,
           "where a slide's list of tiles is, {slide} being its name; of several the first that is there");
  d.option("labels", &Extract::labels,
           "table with columns slide and label: the label of all tiles of a slide; blanks around it do not "
           "count, and one number written in two ways (1, 1.0) is an error");
}

int Extract::pixels() const {
  return size_microns ? static_cast<int>(std::lround(*size_microns / *mpp)) : size;
}

int Extract::step() const {
  return overlap ? pixels() - *overlap : stride.value_or(pixels());
}

void Extract::plan(Costs& costs) {
  if (level.has_value() + mpp.has_value() + magnification.has_value() > 1)
    throw OptionError(magnification ? "magnification" : "mpp", "the resolution is given twice",
                      "one of level, mpp, magnification");
  if (size_microns && !mpp)
    throw OptionError("size_microns", "a size in microns needs a resolution in microns",
                      "size_microns and mpp");
  if (size_microns && (pixels() < 1 || pixels() > largest_size))
    throw OptionError(
        "size_microns",
        fmt::format("{} microns at {} microns per pixel are {} pixels", *size_microns, *mpp, pixels()),
        fmt::format("1 to {} pixels", largest_size));
  if (overlap && stride)
    throw OptionError("overlap", "the distance of tiles is given twice", "stride or overlap");
  if (overlap && *overlap >= pixels())
    throw OptionError("overlap", fmt::format("tiles of {} pixels cannot share {}", pixels(), *overlap),
                      "less than the size");
  if (labels) {
    try {
      slide_labels_ = std::make_shared<SlideLabels>(*labels);
    } catch (const Error& problem) {
      throw OptionError("labels", problem.what());
    }
  }
  const std::size_t area = static_cast<std::size_t>(pixels()) * static_cast<std::size_t>(pixels());
  costs.out("tile", area * 3);
  with_pixels_ = costs.wanted("tile");
  if (with_pixels_)
    costs.scratch = area * PixelReader::scratch_per_pixel;
  else
    costs.omits("tile");
  costs.keeps = most_bytes_of_sample({max_tiles, max_tiles_per_class, 0});
  if (!coordinates.empty()) costs.keeps += CoordinateReader::most_bytes;
}

std::map<std::string, std::string> Extract::depends_on(const std::string& slide) const {
  std::map<std::string, std::string> all;
  if (!coordinates.empty()) add_identity("coordinates", first_there(places_of(coordinates, slide)), all);
  if (labels) add_identity("labels", *labels, all);
  return all;
}

std::unique_ptr<CoordinateReader> Extract::open_places(std::shared_ptr<const SlideFacts> slide) const {
  if (coordinates.empty()) return nullptr;
  const auto paths = places_of(coordinates, slide->name);
  const auto path = first_there(paths);
  if (path.empty())
    throw Error(fmt::format("{}: no list of its tiles: there is no {}; correct `coordinates`", slide->name,
                            in_words(paths)));
  return CoordinateReader::open(path, std::move(slide));
}

Sampling Extract::sampling_for(const Slide& slide, const CoordinateReader* places) const {
  if (mpp) return Sampling::at_mpp(slide, *mpp, mpp_tolerance);
  if (magnification) return Sampling::at_magnification(slide, *magnification);
  if (level || !places) return Sampling::at_level(slide, level.value_or(0));
  const TileKind& kind = places->kind();
  if (kind.extent) return Sampling::at_downsample(slide, std::max(1.0, *kind.extent / pixels()));
  if (kind.mpp && slide.facts().mpp) return Sampling::of_tiles(slide, *kind.mpp);
  return Sampling::at_level(slide, kind.level.value_or(0));
}

std::string Extract::slide_label(const SlideFacts& slide) const {
  if (!slide_labels_) return no_class;
  if (const std::string* found = slide_labels_->find(slide)) return *found;
  throw Error(fmt::format("{}: {} has no row for this slide", slide.path.string(), labels->string()));
}

Packets Extract::make(Inputs& in) {
  const auto slide = in.share<Slide>("slide");
  auto places = open_places(slide->share_facts());
  if (places && places->kind().size.value_or(pixels()) != pixels())
    throw Error(fmt::format("{}: its list of tiles has tiles of {} pixels, but `size` is {}; give size: {}",
                            slide->facts().path.string(), *places->kind().size, pixels(),
                            *places->kind().size));
  const int shared = places ? places->kind().overlap.value_or(0) : pixels() - step();
  SelectionRules rules{min_coverage,       classes,
                       min_class_coverage, label == "share" ? LabelBy::share : LabelBy::majority,
                       min_label_share,    slide_label(slide->facts()),
                       class_downsample};
  Selection selection(std::move(rules), *slide, if_connected<Mask>(in, "mask"),
                      if_connected<ClassMask>(in, "classes"));
  Grid grid(*slide, sampling_for(*slide, places.get()), pixels(), step(), edge_of(edge));
  const auto tiles = std::make_shared<Tiles>(
      slide, std::move(grid), std::move(places), std::move(selection),
      Caps{max_tiles, max_tiles_per_class, static_cast<std::uint64_t>(seed)}, shared, with_pixels_);
  Packets packets([tiles] {
    const auto chosen = tiles->next();
    if (!chosen) return Packets::Make();
    return Packets::Make([tiles, chosen = *chosen](Outputs& out) {
      if (chosen.coverage)
        out.report(report::histogram_of("coverage", "share of tissue", 0, 1, 20, *chosen.coverage));
      out.emit("tile", tiles->read(chosen));
    });
  });
  packets.extra_bytes = tiles->window_bytes();
  return packets;
}

}  // namespace flowrun::wsi
