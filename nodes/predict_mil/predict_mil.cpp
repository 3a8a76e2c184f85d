// SPDX-License-Identifier: Apache-2.0
#include "predict_mil.h"

#include <flowrun/error.h>
#include <flowrun/torch/features.h>
#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "nodes/base/out_file.h"
#include "nodes/mil/feature_files.h"
#include "nodes/mil/feature_reader.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "slide_prediction.h"

namespace flowrun::torch_nodes {
namespace {

namespace fs = std::filesystem;

/// For each tile its place and a number of each model, see SlidePrediction, of some 300,000 tiles.
constexpr std::size_t kept_bytes = std::size_t{16} << 20;
/// Bytes of a tile: what layers of the usual sizes hold of it at once, and its features.
constexpr std::size_t bytes_a_tile = std::size_t{24} << 10;

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

std::string row_file(const std::string& slide) {
  return "slides/" + slide + ".csv";
}

/// A slide under way.
struct Slide {
  std::optional<SlidePrediction> prediction;
};

void add_file(const fs::path& path, std::int64_t block_tiles, SlidePrediction& to) {
  const auto reader = FeatureReader::open(path);
  for (at::Tensor block = reader->next(static_cast<std::uint64_t>(block_tiles)); block.defined();
       block = reader->next(static_cast<std::uint64_t>(block_tiles)))
    to.add(block);
  if (path.extension() != ".pt") to.places = wsi::read_h5_places(path);
}

}  // namespace

void PredictMil::describe(Description<PredictMil>& d) {
  d.summary("Says what models of slides predict, and which tiles they attend to.")
      .details(
          "Models are those of `train_mil`, in the same graph or by their files; of several the mean is "
          "taken. Slides are files of features (`read_features`), or "
          "features as `embed` makes them. Writes predictions.csv with a row for each slide: probabilities "
          "of classes, or numbers; and where models attend, "
          "attention/<slide>.h5 with `attention` (float32, adds up to 1) and `coords` as the features have "
          "them, and attention/<slide>.csv, with the share "
          "of tiles that are attended to less as `rank`. Slides that the models were trained with are "
          "better predicted "
          "than others: what train_mil writes of a fold's own test slides is what to report.")
      .example(
          "slides_said: {type: predict_mil, from: {slide: of_files, models: slide_models}, dir: out_slides}")
      .resumes()
      .optional_input<Features>("features")
      .optional_input<FeatureFile>("slide")
      .optional_scope_input<SlideModels>("models");
  d.option("dir", &PredictMil::dir, "folder to write to").required().output_folder();
  d.option("models", &PredictMil::models,
           "folder that train_mil wrote, or one checkpoint (best.pt), instead of the input");
  d.option("block_tiles", &PredictMil::block_tiles, "tiles of a file that are computed with at once")
      .at_least(1)
      .at_most(1e6);
}

void PredictMil::plan(Costs& costs) {
  if (costs.has("features") == costs.has("slide"))
    throw Error(
        "slides come from a node of type read_features, or as features of embed: connect slide or features");
  if (costs.has("models") == models.has_value())
    throw OptionError("models", models ? "models come from the graph and from files" : "there are no models",
                      "either `from: {models: NODE}`, or models");
  if (models) try {
      loaded_ = std::make_shared<const SlideModels>(read_slide_models(model_files(*models)));
    } catch (const Error& problem) {
      throw OptionError("models", problem.what());
    }
  costs.keeps = kept_bytes;
  costs.scratch = static_cast<std::size_t>(block_tiles) * bytes_a_tile;
}

std::map<std::string, std::string> PredictMil::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
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
  const auto begin = [&slide, with]() -> SlidePrediction& {
    if (!slide.prediction) slide.prediction.emplace(with);
    return *slide.prediction;
  };
  // With one thread each: what is said does not depend on their number.
  if (in.has("slide"))
    return [this, begin, file = in.share<FeatureFile>("slide")] {
      const ModelThreads one(1);
      add_file(file->path, block_tiles, begin());
    };
  return [begin, features = in.share<Features>("features")] {
    const ModelThreads one(1);
    SlidePrediction& prediction = begin();
    prediction.add(features->values);
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
  if (!prediction.attends()) return;
  write_attention_csv(in.scope().stage(dir, "attention/" + name + ".csv"), prediction);
  write_attention_h5(in.scope().stage(dir, "attention/" + name + ".h5"), prediction);
}

Packets PredictMil::finish_run(Inputs& in, Outputs&) {
  if (in.scope().failed()) return {};
  std::string all;
  for (const std::string& slide : in.done_scopes()) {
    std::ifstream file(dir / row_file(slide), std::ios::binary);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    all += all.empty() ? text : text.substr(std::min(text.size(), text.find('\n') + 1));
  }
  if (!all.empty()) wsi::write_file(in.scope().stage(dir, "predictions.csv"), all);
  return {};
}

}  // namespace flowrun::torch_nodes
