// SPDX-License-Identifier: Apache-2.0
#include "save_geojson.h"

#include <flowrun/bytes.h>
#include <flowrun/wsi/class_mask.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <memory>
#include <optional>
#include <vector>

#include "nodes/base/if_connected.h"
#include "nodes/region/geojson_file.h"

namespace flowrun::wsi {
namespace {

struct ObjectsFile {
  std::optional<GeoJsonFile> file;

  void open(const Scope& scope, const std::filesystem::path& dir, cv::Point2d origin) {
    if (!file) file.emplace(scope.stage(dir, scope.name() + "_tiles.geojson"), origin);
  }
};

GeoObject object_of(const Tile& tile, const std::string& slide, const std::string& type,
                    const ClassMask* classes) {
  GeoObject object;
  object.id = content_uuid(fmt::format("tile {} {} {} {}", tile.x, tile.y, tile.extent, slide));
  object.type = type;
  object.class_name = tile.label;
  const Class* const known = classes ? classes->find(tile.label) : nullptr;
  object.rgb = known ? known->rgb : colour_of_name(tile.label);
  object.name = tile.dropped_because;
  if (tile.coverage) object.measurements.emplace_back("coverage", *tile.coverage);
  object.measurements.insert(object.measurements.end(), tile.values.begin(), tile.values.end());
  return object;
}

}  // namespace

void SaveGeojson::describe(Description<SaveGeojson>& d) {
  d.summary("Writes tiles as squares that QuPath shows on the slide.")
      .details(
          "For each slide <slide>_tiles.geojson in `dir`: a FeatureCollection with a polygon for each tile, "
          "in level-0 pixels, counted from `origin`, in the order of the grid; the tile's label as "
          "classification, in the class's colour if `classes` is connected, else in one that the name "
          "decides; its coverage and what stages measured, such as probabilities, as measurements; on a "
          "filter's port for dropped tiles the reason as name. In QuPath: drop the file onto the open slide.")
      .example("squares: {type: save_geojson, from: tiles, dir: out_geojson}")
      .input<Tile>("tile")
      .optional_scope_input<ClassMask>("classes");
  d.option("dir", &SaveGeojson::dir, "folder to write to").required().output_folder();
  d.option("objects", &SaveGeojson::objects, "what tiles are in QuPath; it handles detections by the million")
      .choices({"detection", "annotation", "tile"});
  d.option("origin", &SaveGeojson::origin, geojson_origin_help).choices(geojson_origins);
}

void SaveGeojson::plan(Costs& costs) {
  costs.scratch = 8 * KiB;
}

Action SaveGeojson::process(Inputs& in, Outputs&) {
  const Tile& tile = in.get<Tile>("tile");
  const auto classes = if_connected<ClassMask>(in, "classes");
  return [&slide = in.state<ObjectsFile>(), this, &scope = in.scope(), x = tile.x, y = tile.y,
          side = tile.extent, corner = geojson_origin(origin, tile.slide.get()),
          object = object_of(tile, in.scope().name(), objects, classes.get())] {
    slide.open(scope, dir, corner);
    slide.file->square(object, x, y, side);
  };
}

void SaveGeojson::finish(Inputs& in, Outputs&) {
  if (in.scope().failed()) return;
  auto& slide = in.state<ObjectsFile>();
  slide.open(in.scope(), dir, {});  // without tiles
  slide.file->close();
}

}  // namespace flowrun::wsi
