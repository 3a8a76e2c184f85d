// SPDX-License-Identifier: Apache-2.0
#include "save_outlines.h"

#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/slide.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "nodes/region/contours.h"
#include "nodes/region/geojson_file.h"
#include "region_polygons.h"

namespace flowrun::wsi {
namespace {

/// Polygons of a region and what is cut out of them, next to the region itself.
constexpr std::size_t copies_of_regions = 8;

void write_tissue(const SaveOutlines& options, const Mask& mask, const std::string& slide,
                  GeoJsonFile& file) {
  const double fx = static_cast<double>(mask.slide_width) / mask.pixels.cols;
  const double fy = static_cast<double>(mask.slide_height) / mask.pixels.rows;
  const auto pixels = [&](double area) { return static_cast<std::size_t>(std::ceil(area / (fx * fy))); };
  std::int64_t tissue_id = 0;
  trace_contours(
      mask.pixels, pixels(options.min_area), pixels(options.min_hole_area), [&](const PixelPiece& piece) {
        GeoObject object;
        object.id = content_uuid(
            fmt::format("tissue {} {} {} {}", piece.outer[0].x, piece.outer[0].y, piece.pixels, slide));
        object.class_name = "Tissue";
        object.rgb = {20, 160, 60};
        object.tissue_id = tissue_id++;
        file.begin(object);
        file.polygon(piece.outer, piece.holes, fx, fy);
        file.end();
      });
}

void write_classes(const ClassMask& classes, const SlideFacts& slide, GeoJsonFile& file, Outputs& out) {
  const RegionPolygons all(classes, slide.width(), slide.height());
  std::size_t drawn = 0;
  for (std::size_t i = 0; i < classes.regions().size(); ++i) {
    const Class* const known = classes.find(classes.regions()[i].value);
    if (!known) continue;  // it cuts a hole
    const RegionPolygons::Outline outline = all.of(i);
    const auto& polygons = outline.polygons;
    drawn += outline.drawn;
    if (polygons.empty()) continue;
    GeoObject object;
    const cv::Point2d start = polygons.front().outer.front();
    object.id =
        content_uuid(fmt::format("region {} {} {} {} {}", i, start.x, start.y, known->name, slide.name));
    object.class_name = known->name;
    object.rgb = known->rgb;
    file.begin(object, polygons.size());
    for (const RegionPolygon& polygon : polygons) file.polygon(polygon.outer, polygon.holes);
    file.end();
  }
  if (drawn > 0)
    out.note(
        fmt::format("{} outline{} or their holes cross themselves too often; they were written along pixel "
                    "edges",
                    drawn, drawn == 1 ? "" : "s"));
}

}  // namespace

void SaveOutlines::describe(Description<SaveOutlines>& d) {
  d.summary("Writes the outlines of tissue and of classes as annotations that QuPath shows on the slide.")
      .details(
          "For each slide <slide>.geojson in `dir`: a FeatureCollection of annotations in level-0 pixels, "
          "counted from `origin`. Tissue is traced along the edges of the mask's pixels, as QuPath does it: "
          "the polygons cover exactly the mask, holes are interior rings, pieces that touch only at a corner "
          "are two. Each has the property tissue_id, from 0, as in TRIDENT's contours_geojson. Regions of "
          "classes keep their outlines, names and colours, without their holes; where they overlap, the "
          "polygons do; an outline that crosses itself is taken apart where it does or, when it does so too "
          "often, traced from a drawing, and that is said in the summary.")
      .example("outlines: {type: save_outlines, from: {slide: slides, mask: tissue}, dir: out_outlines}")
      .input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .optional_scope_input<ClassMask>("classes");
  d.option("dir", &SaveOutlines::dir, "folder to write to").required().output_folder();
  d.option("min_area", &SaveOutlines::min_area, "square level-0 pixels that a piece of tissue needs")
      .at_least(0);
  d.option("min_hole_area", &SaveOutlines::min_hole_area,
           "the same for a hole in it; smaller ones are filled")
      .at_least(0);
  d.option("origin", &SaveOutlines::origin, geojson_origin_help).choices(geojson_origins);
}

void SaveOutlines::plan(Costs& costs) {
  costs.scratch = contours_scratch(1, static_cast<int>(most_thumbnail_pixels)) + RegionPolygons::scratch();
}

CallBytes SaveOutlines::bytes(const Inputs& in) const {
  std::size_t sum = 0;
  if (in.has("mask"))
    sum += contours_scratch(in.get<Mask>("mask").pixels.rows, in.get<Mask>("mask").pixels.cols);
  if (in.has("classes"))
    sum += copies_of_regions * in.get<ClassMask>("classes").bytes() + RegionPolygons::scratch();
  return {.scratch = sum};
}

void SaveOutlines::process(Inputs& in, Outputs& out) {
  if (!in.has("mask") && !in.has("classes"))
    throw Error("there is nothing to outline: connect the input mask, or classes, or both");
  const SlideFacts& slide = in.get<Slide>("slide").facts();
  GeoJsonFile file(in.scope().stage(dir, in.scope().name() + ".geojson"), geojson_origin(origin, &slide));
  if (in.has("mask")) write_tissue(*this, in.get<Mask>("mask"), in.scope().name(), file);
  if (in.has("classes")) write_classes(in.get<ClassMask>("classes"), slide, file, out);
  file.close();
}

}  // namespace flowrun::wsi
