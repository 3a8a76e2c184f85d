// SPDX-License-Identifier: Apache-2.0
#include "predict_mil.h"

#include <flowrun/error.h>
#include <flowrun/torch/features.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "attention_pictures.h"
#include "nodes/base/out_file.h"
#include "nodes/heat/contact_sheet.h"
#include "nodes/heat/heat_map.h"
#include "nodes/mil/feature_files.h"
#include "nodes/mil/feature_reader.h"
#include "nodes/region/geojson_file.h"
#include "nodes/slide/slide_files.h"
#include "nodes/slide/slide_opener.h"
#include "nodes/table/coordinates.h"
#include "nodes/table/h5_file.h"
#include "nodes/torch/device.h"
#include "slide_prediction.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;

/// Of models from the graph nothing is known before: with more, or with larger layers than these, slides may
/// have fewer tiles, and blocks have.
constexpr std::size_t usual_models = 5;
BagModel usual_model() {
  return {"gated_attention", 2048};
}

/// What SlidePrediction keeps of a tile: its place, and a number of each model in vectors that grow; and in
/// the end what attention is made of and written by.
constexpr std::size_t kept_bytes(std::size_t models) {
  constexpr std::size_t place = 2 * sizeof(double), attention = 4 * sizeof(float) + 2 * sizeof(std::int64_t);
  return 2 * (place + models * sizeof(float)) + attention;
}

/// Its features, and what BagNetwork::embed holds of it at once.
std::size_t tile_bytes(const BagModel& model) {
  return static_cast<std::size_t>(model.dimensions + 2 * model.hidden +
                                  (model.attends() ? 5 * model.attention : 0)) *
         sizeof(float);
}

std::size_t weight_bytes(const SlideModels& models) {
  std::size_t bytes = 0;
  for (const auto& network : models.networks)
    for (const auto& [name, tensor] : network->parameters()) bytes += tensor.nbytes();
  return bytes;
}

/// Of one file, or of all folds in a folder that train_mil wrote.
std::vector<fs::path> model_files(const fs::path& place) {
  if (!fs::is_directory(place)) return {place};
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(place))
    if (entry.path().filename().string().starts_with("fold_") && fs::exists(entry.path() / "best.pt"))
      files.insert(entry.path() / "best.pt");
  if (files.empty()) throw Error(fmt::format("there is no fold_0/best.pt in {}", place.string()));
  return {files.begin(), files.end()};
}

/// Tiles that are computed with at once: of models larger than memory was reserved for, fewer.
std::uint64_t block_of(const SlideModels& models, std::int64_t block_tiles, bool known) {
  const auto all = static_cast<std::size_t>(block_tiles);
  if (known) return all;
  std::size_t bytes = 1;
  for (const auto& network : models.networks) bytes = std::max(bytes, tile_bytes(network->model()));
  return std::clamp<std::size_t>(all * tile_bytes(usual_model()) / bytes, 1, all);
}

std::string row_file(const std::string& slide) {
  return "slides/" + slide + ".csv";
}

/// A slide under way.
struct Slide {
  std::optional<SlidePrediction> prediction;
  fs::path file;      // of features
  double extent = 0;  // of tiles, else
};

void add_file(FeatureReader& reader, std::uint64_t block, SlidePrediction& to) {
  for (at::Tensor tiles = reader.next(block); tiles.defined(); tiles = reader.next(block)) to.add(tiles);
}

}  // namespace

void PredictMil::describe(Description<PredictMil>& d) {
  d.summary("Says what models of slides predict, and which tiles they attend to.")
      .details(
          "Models are those of `train_mil`, in the same graph or by their files; of several the mean is "
          "taken. Slides are files of features (`read_features`), or "
          "features as `embed` makes them. Writes predictions.csv with a row for each slide: probabilities "
          "of classes, or numbers (calibrated as each model's validation has it; prediction is the class "
          "with "
          "the highest probability, or by threshold_<class>, the mean of the models' thresholds, 0.5 of "
          "those "
          "without one, where any has one); and where models attend, "
          "attention/<slide>.h5 with `attention` (float32, adds up to 1) and `coords` as the features have "
          "them, and attention/<slide>.csv, with the share "
          "of tiles that are attended to less as `rank`. Where the slide is there too (the input image, of "
          "the "
          "node that opens slides for `embed`, or `slides` of files of features), attention is drawn, "
          "attention/<slide>.heatmap.jpg and .heatmap.tif as save_predictions draws predictions, by the "
          "share of the other tiles that are attended to less: blue for the tile of least attention, red for "
          "that of most, where tiles overlap their mean; "
          "attention/<slide>.geojson, a square for each tile in these colours that QuPath shows, with "
          "attention and rank as measurements; and attention/<slide>.tiles.jpg, the eight tiles of most "
          "attention and the eight of least. Slides that the models were trained with are "
          "better predicted "
          "than others: what train_mil writes of a fold's own test slides is what to report.")
      .example(
          "slides_said: {type: predict_mil, from: {slide: of_files, models: slide_models}, dir: out_slides}")
      .resumes()
      .optional_input<Features>("features")
      .optional_input<FeatureFile>("slide")
      .optional_scope_input<SlideModels>("models")
      .optional_scope_input<wsi::Slide>("image");
  d.option("dir", &PredictMil::dir, "folder to write to").required().output_folder();
  d.option("models", &PredictMil::models,
           "folder that train_mil wrote, or one checkpoint (best.pt), instead of the input");
  d.option("block_tiles", &PredictMil::block_tiles, "tiles of a file that are computed with at once")
      .at_least(1)
      .at_most(1e6);
  d.option("most_tiles", &PredictMil::most_tiles, "most tiles of a slide that memory is reserved for")
      .at_least(1)
      .at_most(1e8);
  d.option("slides", &PredictMil::slides,
           "the slides that files of features are of, by name: file, glob pattern, folder, list, or several "
           "of these; those found get pictures of attention");
  d.option("tile_extent", &PredictMil::tile_extent,
           "level-0 pixels that tiles of files of features are wide; as the file says, if not given, else "
           "the distance that most have, which is told")
      .above(0)
      .at_most(1e6);
  d.option("origin", &PredictMil::origin,
           fmt::format("of attention/<slide>.geojson: {}", wsi::geojson_origin_help))
      .choices(wsi::geojson_origins);
}

void PredictMil::plan(Costs& costs) {
  if (costs.has("features") == costs.has("slide"))
    throw Error(
        "slides come from a node of type read_features, or as features of embed: connect slide or features");
  if (costs.has("models") == models.has_value())
    throw OptionError("models", models ? "models come from the graph and from files" : "there are no models",
                      "either `from: {models: NODE}`, or models");
  if (costs.has("image") && costs.has("slide"))
    throw Error("image is of features of embed: of files of features name the slides, `slides`");
  if (!slides.empty() && !costs.has("slide"))
    throw OptionError("slides", "they are of files of features",
                      "from: {slide: NODE}, or from: {image: NODE}");
  if (tile_extent && slides.empty())
    throw OptionError("tile_extent", "no attention of files of features is drawn", "`slides` beside it");
  if (origin != PredictMil().origin && slides.empty() && !costs.has("image"))
    throw OptionError("origin", "no attention is drawn", "`slides`, or from: {image: NODE}, beside it");
  if (!slides.empty()) try {
      for (wsi::ListedSlide& slide : wsi::list_slides(slides)) slides_.emplace(slide.name, std::move(slide));
    } catch (const Error& problem) {
      throw OptionError("slides", problem.what());
    }
  if (models) try {
      loaded_ = std::make_shared<const SlideModels>(read_slide_models(model_files(*models)));
    } catch (const Error& problem) {
      throw OptionError("models", problem.what());
    }
  costs.keeps_for_run = loaded_ ? weight_bytes(*loaded_) : costs.in("models");
  costs.keeps =
      static_cast<std::size_t>(most_tiles) * kept_bytes(loaded_ ? loaded_->networks.size() : usual_models) +
      wsi::H5Writer::library_bytes + 2 * wsi::H5Writer::buffer_bytes;
  if (costs.has("image") || !slides.empty())
    costs.keeps += wsi::HeatMap::most_bytes() + static_cast<std::size_t>(most_tiles) * drawing_bytes +
                   wsi::contact_sheet_bytes(2, tiles_shown);
  if (!slides.empty()) costs.keeps += wsi::open_slide_bytes + wsi::CoordinateReader::most_bytes;
  std::size_t of_tile = loaded_ ? 0 : tile_bytes(usual_model());
  if (loaded_)
    for (const auto& network : loaded_->networks) of_tile = std::max(of_tile, tile_bytes(network->model()));
  costs.scratch = static_cast<std::size_t>(block_tiles) * of_tile;
}

void PredictMil::check_tiles(std::uint64_t tiles, std::size_t count) const {
  const std::size_t reserved =
      static_cast<std::size_t>(most_tiles) * kept_bytes(loaded_ ? loaded_->networks.size() : usual_models);
  const std::size_t needed = tiles * kept_bytes(count);
  if (needed > reserved)
    throw Error(fmt::format(
        "the slide has {} tiles, said by {} models, but memory is reserved for {}: set "
        "most_tiles to {}",
        tiles, count, reserved / kept_bytes(count), loaded_ ? tiles : needed / kept_bytes(usual_models) + 1));
}

std::map<std::string, std::string> PredictMil::depends_on(const std::string& slide) const {
  std::map<std::string, std::string> all;
  if (const auto drawn = slides_.find(slide); drawn != slides_.end())
    for (const auto& [what, value] : wsi::slide_identity(drawn->second)) all["slide." + what] = value;
  if (!models) return all;
  for (const fs::path& file : model_files(*models)) wsi::add_identity(file.string(), file, all);
  return all;
}

std::shared_ptr<const SlideModels> PredictMil::models_of(const Inputs& in) const {
  return models ? loaded_ : in.share<SlideModels>("models");
}

Action PredictMil::process(Inputs& in, Outputs&) {
  auto& slide = in.state<Slide>();
  const auto with = models_of(in);
  if (in.has("slide")) slide.file = in.get<FeatureFile>("slide").path;
  const auto begin = [&slide, with]() -> SlidePrediction& {
    if (!slide.prediction) slide.prediction.emplace(with);
    return *slide.prediction;
  };
  // With one thread each: what is said does not depend on their number.
  if (in.has("slide"))
    return [this, begin, with, file = in.share<FeatureFile>("slide")] {
      const ModelThreads one(1);
      const auto reader = FeatureReader::open(file->path);
      check_tiles(reader->rows(), with->networks.size());
      SlidePrediction& prediction = begin();
      if (wsi::is_h5(file->path)) prediction.places = wsi::read_h5_places(file->path);
      add_file(*reader, block_of(*with, block_tiles, models.has_value()), prediction);
    };
  return [this, &slide, begin, with, features = in.share<Features>("features")] {
    const ModelThreads one(1);
    slide.extent = features->like.extent;
    SlidePrediction& prediction = begin();
    check_tiles(prediction.tiles() + static_cast<std::uint64_t>(features->values.size(0)),
                with->networks.size());
    const auto block = static_cast<std::int64_t>(block_of(*with, block_tiles, models.has_value()));
    for (const at::Tensor& tiles : features->values.split(block)) prediction.add(tiles);
    for (const Features::Place& place : features->places) {
      prediction.places.push_back(static_cast<double>(place.x));
      prediction.places.push_back(static_cast<double>(place.y));
    }
  };
}

void PredictMil::finish(Inputs& in, Outputs& out) {
  const auto& slide = in.state<Slide>();
  if (in.scope().failed()) return;
  if (!slide.prediction || slide.prediction->tiles() == 0)
    return out.note("there was no tile, so no prediction");
  const SlidePrediction& prediction = *slide.prediction;
  const std::string& name = in.scope().name();
  wsi::write_file(in.scope().stage(dir, row_file(name)),
                  prediction_csv(name, models_of(in)->facts, prediction.predicted()));
  constexpr std::size_t most_reported = 20;
  const auto& said = models_of(in)->facts.classes;
  if (const auto predicted = prediction.predicted(); said.size() <= most_reported)
    for (std::size_t i = 0; i < std::min(said.size(), predicted.size()); ++i)
      out.report(report::Quantity{said[i], predicted[i]});
  const bool drawn = in.has("image") || !slides.empty();
  if (!prediction.attends()) {
    if (drawn) out.note("the models pool without attention, so there is none to be drawn");
    return;
  }
  write_attention_csv(in.scope().stage(dir, "attention/" + name + ".csv"), prediction);
  write_attention_h5(in.scope().stage(dir, "attention/" + name + ".h5"), prediction);
  if (drawn) draw(prediction, slide.file, slide.extent, in, out);
}

Packets PredictMil::finish_run(Inputs& in, Outputs& out) {
  if (in.scope().failed()) return {};
  std::string all;
  for (const std::string& slide : in.done_scopes()) {
    std::ifstream file(dir / row_file(slide), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    all += all.empty() ? text : text.substr(std::min(text.size(), text.find('\n') + 1));
  }
  const char* const table = "predictions.csv";
  if (!all.empty()) {
    wsi::write_file(in.scope().stage(dir, table), all);
  } else {
    fs::remove(dir / table);  // of an earlier run
    out.note(in.done_scopes().empty() ? "there was no slide, so there is no predictions.csv"
                                      : "no slide has a tile, so there is no predictions.csv");
  }
  return {};
}

}  // namespace flowrun::torch_nodes
