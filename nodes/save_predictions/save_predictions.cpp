// SPDX-License-Identifier: Apache-2.0
#include "save_predictions.h"

#include <flowrun/bytes.h>
#include <flowrun/wsi/slide.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <mutex>
#include <utility>
#include <vector>

#include "nodes/base/out_file.h"
#include "nodes/heat/heat_map.h"
#include "nodes/region/geojson_file.h"
#include "nodes/table/table_text.h"
#include "slide_score.h"

namespace flowrun::wsi {
namespace {

constexpr const char* table_of_slide = "slide.csv";

TableText columns_of(const Predictions& says) {
  std::vector<std::string> columns{"slide", "x", "y", "level", "size", "mpp", "label"};
  if (says.names_something()) columns.emplace_back("predicted");
  for (auto& [name, number] : says.columns()) columns.push_back(name);
  return {TableText::Format::csv, std::move(columns)};
}

std::string row_of(const TableText& columns, const std::string& slide, const Tile& tile,
                   const Predictions& says) {
  std::vector<TableCell> cells{slide, tile.x, tile.y, tile.level, tile.size(), tile.mpp, tile.label};
  const std::string predicted = says.predicted();
  if (says.names_something()) cells.emplace_back(predicted);
  for (const auto& [name, number] : says.columns()) cells.emplace_back(number);
  return columns.row(cells);
}

GeoObject object_of(const std::string& slide, const Tile& tile, const Predictions& says) {
  GeoObject object;
  object.id = content_uuid(fmt::format("prediction {} {} {} {}", tile.x, tile.y, tile.extent, slide));
  object.type = "detection";
  if (says.names_something()) object.class_name = says.predicted();
  object.rgb = colour_of_name(object.class_name);
  for (std::size_t i = 0; i < says.of.size(); ++i)
    object.measurements.emplace_back(says.prefix + says.names[i], says.of[i]);
  return object;
}

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  if (!in) throw Error(fmt::format("{}: cannot be read", file.string()));
  return text;
}

}  // namespace

struct SavePredictions::SlideFiles {
  std::once_flag opened;
  std::filesystem::path folder;
  std::optional<OutFile> table;
  std::optional<GeoJsonFile> objects;
  std::optional<HeatMap> heat;
  SlideScore score;
  // By the first tile: what the heat map shows, and whether that is a number of any size.
  std::string shown;
  bool any_number = false;

  void open(const Inputs& in, const SavePredictions& options) {
    std::call_once(opened, [&] {
      folder = in.scope().stage(options.dir, in.scope().name());
      std::filesystem::create_directories(folder);
      table.emplace(folder / "predictions.csv");
      const Slide& slide = in.get<Slide>("slide");
      objects.emplace(folder / "predictions.geojson", geojson_origin(options.origin, &slide.facts()));
      heat.emplace(slide);
    });
  }
};

void SavePredictions::describe(Description<SavePredictions>& d) {
  d.summary("Writes a model's predictions: tables, heat maps over each slide, QuPath objects.")
      .details(
          "For each slide a folder in `dir` with predictions.csv, a row for each tile: its place, its label "
          "if it has one, the class predicted (the likeliest, or where the model has a threshold, in the "
          "column threshold_<class>, by the probability of that class), and a probability p_<class> for each "
          "class; heatmap.jpg, the "
          "probability of one class (`heat_map`) half covering the slide, from 0, blue, to 1, red (turbo), "
          "above a bar that says so; heatmap.tif, the colours alone, as a pyramid that slide viewers open: "
          "without loss, at most 2048 pixels a side, each a whole number of level-0 pixels, with its "
          "microns, "
          "counted from the slide's corner, and white where there is no tile; where tiles overlap both have "
          "the mean of all that are there; "
          "predictions.geojson, a square for each tile that QuPath shows in the colour of the class "
          "predicted, with the probabilities as measurements; and slide.csv, what the tiles say together. At "
          "the end of the run slides.csv has the rows of all slides, also those of earlier runs: number of "
          "tiles, label (where all tiles have one), predicted (by the means, as tiles are by theirs), "
          "p_<class>, "
          "the mean of the tiles' probabilities, and share_<class>, the share of tiles predicted to be of "
          "the class. Of a model of labels (task: multilabel) predicted names those with a probability of "
          "0.5, or their threshold, and "
          "more, as QuPath writes several (`a: b`), and columns are has_<label>; of one of numbers (task: "
          "regression) there are no classes, columns are predicted_<target>, and the heat map goes from the "
          "least to the greatest of the slide, which is told. A slide without tiles has an empty table and "
          "no row. A threshold was chosen for what the model was validated with, single tiles.")
      .example(
          "scores: {type: save_predictions, from: {tile: predicted, slide: slides}, dir: out_predictions}")
      .resumes()
      .input<Tile>("tile")
      .scope_input<Slide>("slide");
  d.option("dir", &SavePredictions::dir, "folder to write to").required().output_folder();
  d.option("heat_map", &SavePredictions::heat_map,
           "class, label or number of the heat map; the model's last, if not given");
  d.option("origin", &SavePredictions::origin, fmt::format("of predictions.geojson: {}", geojson_origin_help))
      .choices(geojson_origins);
}

void SavePredictions::plan(Costs& costs) {
  costs.scratch = 16 * KiB;
  costs.keeps = HeatMap::most_bytes();
}

Action SavePredictions::process(Inputs& in, Outputs&) {
  const auto tile = in.share<Tile>("tile");
  Predictions says(*tile);
  const std::string& slide = in.scope().name();
  std::size_t shown = says.of.size() - 1;
  if (heat_map) {
    shown = static_cast<std::size_t>(std::ranges::find(says.names, *heat_map) - says.names.begin());
    if (shown == says.names.size())
      throw Error(fmt::format("heat_map: no {} is called '{}'; the model has {}", says.kind(), *heat_map,
                              fmt::join(says.names, ", ")));
  }
  auto& files = in.state<SlideFiles>();
  files.open(in, *this);
  const TableText columns = columns_of(says);
  return [&files, tile, columns, row = row_of(columns, slide, *tile, says),
          object = object_of(slide, *tile, says), says = std::move(says), shown] {
    if (files.score.empty()) {
      files.table->write(columns.header());
      files.any_number = !says.names_something();
      files.shown = (files.any_number ? "" : "probability of ") + says.names[shown];
    }
    files.score.add(*tile, says);
    files.table->write(row);
    files.objects->square(object, tile->x, tile->y, tile->extent);
    files.heat->add_tile(tile->x, tile->y, tile->extent, says.of[shown]);
  };
}

void SavePredictions::finish(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return;
  auto& files = in.state<SlideFiles>();
  files.open(in, *this);
  files.table->close();
  files.objects->close();
  std::pair<double, double> range{0, 1};
  const auto found = files.any_number ? files.heat->range() : std::nullopt;
  if (files.any_number && !found) out.note("heatmap.jpg shows no number: no tile is on the slide");
  if (found) {
    range = *found;
    out.note(fmt::format("heatmap.jpg shows '{}' from {:.4g}, blue, to {:.4g}, red", files.shown, range.first,
                         range.second));
    if (range.first == range.second) ++range.second;
  }
  files.heat->write_picture(files.folder / "heatmap.jpg", files.shown, range.first, range.second);
  files.heat->write_tiff(files.folder / "heatmap.tif", range.first, range.second);
  if (!files.heat->problem().empty())
    out.note("heatmap.jpg does not show the slide: " + files.heat->problem());
  out.report(report::Figure{files.shown.empty() ? "heat map" : "heat map: " + files.shown, dir,
                            std::filesystem::path(in.scope().name()) / "heatmap.jpg"});
  constexpr std::size_t most_reported = 40;
  if (const auto numbers = files.score.numbers(); numbers.size() <= most_reported)
    for (const auto& [name, number] : numbers) out.report(report::Quantity{name, number});
  write_file(files.folder / table_of_slide, files.score.table(in.scope().name()));
}

Packets SavePredictions::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  std::string header, rows;
  for (const std::string& slide : in.done_scopes()) {
    const std::string table = content_of(dir / slide / table_of_slide);
    const std::size_t line = table.find('\n');
    if (line == table.npos) continue;  // a slide without tiles
    if (header.empty()) header = table.substr(0, line + 1);
    if (!table.starts_with(header))
      throw Error(fmt::format("{}: has other columns than those of the slides before: run with --force",
                              (dir / slide / table_of_slide).string()));
    rows += table.substr(line + 1);
  }
  if (!rows.empty()) write_file(in.scope().stage(dir, "slides.csv"), header + rows);
  return {};
}

}  // namespace flowrun::wsi
