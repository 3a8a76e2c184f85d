// SPDX-License-Identifier: Apache-2.0
#include "predict.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <utility>

#include "nodes/slide/prediction_names.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_file.h"

namespace flowrun::torch_nodes {
namespace {

/// What the layers of the known architectures hold at once, measured, for a byte of a tile: of a model that
/// is not there yet.
constexpr std::size_t activations_per_byte = 100;

/// Of a slide, unless one thread needs more: others work on other slides, as far as the budget lets them.
constexpr std::size_t most_activations = std::size_t{256} << 20;

/// What a tile's values are called.
std::string prefix_of(const std::string& task) {
  if (task == "classification") return wsi::class_probability;
  return task == "multilabel" ? wsi::label_probability : wsi::predicted_number;
}

}  // namespace

struct Predict::Predicted {
  std::shared_ptr<const wsi::Tile> tile;
  std::vector<float> numbers;  // by output
};

/// Of a slide. Once a batch is computed, each tile that comes sends one of it on: no more than a batch waits.
struct Predict::Gathered {
  std::vector<std::shared_ptr<const wsi::Tile>> tiles;  // of the next batch
  std::deque<Predicted> ready;
  std::string problem;  // of a batch that was not computed: the slide's predictions would not be whole
};

void Predict::check_options(const Costs& costs) const {
  if (costs.has("model") == model.has_value())
    throw OptionError("model", model ? "the model comes from the graph and from a file" : "there is no model",
                      "a file, or from: {model: ...} with a node of type train");
  if (!classes.empty() && !model)
    throw OptionError("classes", "the graph's model says its classes itself", "classes only with `model`");
  if (output != "auto" && !model)
    throw OptionError("output", "the graph's model says its output itself", "output only with `model`");
  if (task && !model)
    throw OptionError("task", "the graph's model says its task itself", "task only with `model`");
}

std::unique_ptr<const Predictor> Predict::loaded(Model of, Computing with) const {
  if (mpp) of.facts.mpp = mpp;
  const int symmetries = test_time_augmentation == "flips" ? 4 : test_time_augmentation == "dihedral" ? 8 : 1;
  return std::make_unique<Predictor>(std::move(of), with.device, with.half, symmetries);
}

void Predict::plan(Costs& costs) {
  check_options(costs);
  const auto images = static_cast<std::size_t>(batch), pixels = costs.in("tile") / 3;
  const auto of_thread = std::min(images, static_cast<std::size_t>(Predictor::images_a_thread));
  // Of a thread; of symmetries one at a time, each a copy of its images.
  const std::size_t of_copy = test_time_augmentation == "none" ? 0 : sizeof(float);
  std::size_t activations = of_thread * 3 * pixels * (activations_per_byte + of_copy);
  costs.keeps_for_run = costs.in("model");
  const Computing with = computing_of(device, precision);
  const bool on_cpu = with.device.is_cpu();
  if ((costs.on_device = costs_on(with.device))) costs.on_device->fixed = costs.in("model");
  if (model) {
    std::unique_ptr<const Predictor> on_host;
    try {
      // What it takes is measured on the CPU.
      on_host = loaded(read_model(*model, {classes, output, task}), measuring(with));
      if (!on_cpu) predictor_ = loaded(read_model(*model, {classes, output, task}), with);
    } catch (const Error& problem) {
      throw OptionError("model", problem.what());
    }
    costs.keeps_for_run = on_host->weight_bytes();
    if (costs.on_device) costs.on_device->fixed = on_host->weight_bytes();
    try {
      const auto side = std::lround(std::sqrt(static_cast<double>(pixels)));
      activations = with_surroundings(on_host->bytes_of(static_cast<std::int64_t>(of_thread), side));
    } catch (const std::exception&) {  // told when it is to be done
    }
    if (on_cpu) predictor_ = std::move(on_host);
  }
  if (costs.on_device) {
    costs.on_device->per_sample = with_gaps(activations / of_thread) + image_copies(pixels);
    costs.on_device->batch = images;
  }
  const std::size_t wanted = std::min(costs.threads, (images + of_thread - 1) / of_thread);
  const std::size_t fit = most_activations / std::max<std::size_t>(activations, 1);
  threads_at_once_ = static_cast<int>(on_cpu ? std::clamp<std::size_t>(fit, 1, wanted) : costs.threads);
  costs.holds = images - 1;
  costs.forwards("tile");  // with numbers besides, but the same pixels
  costs.scratch = 0;
  // Of one batch of a slide, not of each tile that is held for it.
  costs.keeps = images * 3 * pixels * sizeof(float) +
                (on_cpu ? static_cast<std::size_t>(threads_at_once_) * activations : 0);
}

std::map<std::string, std::string> Predict::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (model) wsi::add_identity("model", *model, all);
  return all;
}

const Predictor& Predict::predictor(const Inputs& in) {
  std::call_once(first_tile_, [&] {
    // Others have the graph's model too: what is moved to a device and changed is a copy.
    if (!predictor_) predictor_ = loaded(copy_of(in.get<Model>("model")), computing_of(device, precision));
  });
  return *predictor_;
}

void Predict::check(const wsi::Tile& tile, const Gathered& gathered) const {
  const cv::Mat& rgb = wsi::rgb_of(tile);
  const ModelFacts& facts = predictor_->facts();
  if (facts.width > 0 && (rgb.cols != facts.width || rgb.rows != facts.height))
    throw Error(fmt::format("the tile has {} x {} pixels, but the model was trained on {} x {}", rgb.cols,
                            rgb.rows, facts.width, facts.height));
  if (!gathered.tiles.empty() && rgb.size() != gathered.tiles.front()->pixels.size())
    throw Error(fmt::format(
        "the tile has {} x {} pixels, but those before it have {} x {}: a batch is of one size", rgb.cols,
        rgb.rows, gathered.tiles.front()->pixels.cols, gathered.tiles.front()->pixels.rows));
  check_resolution(tile, {"the model", facts.mpp, mpp_tolerance, 0, "predict"});
  for (const std::string& output_name : facts.classes)
    if (const std::string name = prefix_of(facts.task) + output_name;
        std::ranges::find(tile.values, name, &std::pair<std::string, double>::first) != tile.values.end())
      throw Error(fmt::format("the tile has a {} of another model already", name));
}

void Predict::process(Inputs& in, Outputs& out) {
  const Predictor& with = predictor(in);
  const auto tile = in.share<wsi::Tile>("tile");
  auto& gathered = in.state<Gathered>();
  check(*tile, gathered);
  gathered.tiles.push_back(tile);
  if (gathered.tiles.size() == static_cast<std::size_t>(batch)) predict(with, gathered, in.scope());
  if (gathered.ready.empty()) return;
  const Predicted next = std::move(gathered.ready.front());
  gathered.ready.pop_front();
  emit(next, out);
}

Packets Predict::finish(Inputs& in, Outputs&) {
  auto& gathered = in.state<Gathered>();
  if (in.scope().failed()) return {};
  if (!gathered.tiles.empty() && gathered.problem.empty()) predict(*predictor_, gathered, in.scope());
  if (!gathered.problem.empty())
    throw Error(fmt::format("a batch of tiles has no predictions: {}", gathered.problem));
  return {gathered.ready.size(),
          [this, ready = std::move(gathered.ready)](std::uint64_t i, Outputs& out) { emit(ready[i], out); }};
}

/// What is gathered becomes ready, but not when the scope has failed meanwhile.
void Predict::predict(const Predictor& with, Gathered& gathered, const Scope& scope) const {
  const auto tiles = std::exchange(gathered.tiles, {});
  try {
    const at::Tensor all = with.predictions(tiles, threads_at_once_, scope);
    if (!all.defined()) return;
    const float* row = all.data_ptr<float>();
    for (const auto& tile : tiles) {
      gathered.ready.push_back({tile, {row, row + all.size(1)}});
      row += all.size(1);
    }
  } catch (const std::exception& problem) {
    gathered.problem = first_line(problem);
    throw;
  }
}

void Predict::emit(const Predicted& one, Outputs& out) const {
  const ModelFacts& facts = predictor_->facts();
  wsi::Tile tile = *one.tile;  // shares the pixels
  for (std::size_t i = 0; i < facts.classes.size(); ++i) {
    const double number = one.numbers[i];
    if (facts.task == "regression" ? !std::isfinite(number) : !(number >= 0 && number <= 1))
      throw Error(fmt::format("the model's {} of {} is {} for the tile at x {}, y {}",
                              facts.task == "regression" ? "prediction" : "probability", facts.classes[i],
                              number, tile.x, tile.y));
    tile.values.emplace_back(prefix_of(facts.task) + facts.classes[i], number);
  }
  // Of two classes there is one, of the second.
  const std::size_t first = facts.classes.size() - facts.thresholds.size();
  for (std::size_t i = 0; i < facts.thresholds.size(); ++i)
    tile.values.emplace_back(wsi::decision_threshold + facts.classes[first + i], facts.thresholds[i]);
  out.emit("tile", std::move(tile));
}

}  // namespace flowrun::torch_nodes
