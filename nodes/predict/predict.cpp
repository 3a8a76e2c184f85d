// SPDX-License-Identifier: Apache-2.0
#include "predict.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/torch/model.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "nodes/slide/prediction_names.h"
#include "nodes/slide/slide_files.h"
#include "nodes/torch/device.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/normalisation.h"
#include "nodes/torch/predictions.h"

namespace flowrun::torch_nodes {
namespace {

/// What the layers of the known architectures hold at once, measured, for a byte of a tile.
constexpr std::size_t activations_per_byte = 100;

/// What a tile's values are called.
std::string prefix_of(const std::string& task) {
  if (task == "classification") return wsi::class_probability;
  return task == "multilabel" ? wsi::label_probability : wsi::predicted_number;
}

std::vector<double> listed(const std::array<double, 3>& numbers) {
  return {numbers.begin(), numbers.end()};
}

}  // namespace

/// A model on its device, ready for tiles.
struct Predict::Loaded {
  Loaded(Model of, c10::Device on)
      : model(std::move(of)), device(on), normalisation(listed(model.facts.mean), listed(model.facts.std)) {
    model.network->to(device);
  }

  /// A number for each output. Thread-safe.
  at::Tensor predictions(const cv::Mat& rgb) const {
    const c10::NoGradGuard no_grad;
    const ModelThreads one(1);  // tiles are what is computed at the same time
    at::Tensor image = at::empty({1, 3, rgb.rows, rgb.cols}, at::kFloat);
    normalisation.write(rgb, image.data_ptr<float>());
    const at::Tensor outputs = model.network->forward(image.to(device));
    const auto count = static_cast<std::int64_t>(model.facts.classes.size());
    if (outputs.dim() != 2 || outputs.size(1) != count)
      throw Error(fmt::format("the model gives {} numbers for a tile, but there are {} {}",
                              outputs.dim() == 2 ? outputs.size(1) : outputs.numel(), count,
                              model.facts.task == "classification" ? "classes" : "names of outputs"));
    // A module of labels may end in the sigmoid itself.
    const bool done = model.facts.task == "multilabel" && model.facts.output == "probabilities";
    return predictions_of(done ? "regression" : model.facts.task, outputs).to(at::kCPU).contiguous();
  }

  const Model model;
  const c10::Device device;
  const Normalisation normalisation;
};

Predict::Predict() = default;
Predict::~Predict() = default;

void Predict::describe(Description<Predict>& d) {
  d.summary("Gives each tile what a model predicts: probabilities of classes or labels, or numbers.")
      .details(
          "The model is what `train` made: in the same graph (the input model; the slides are then read "
          "again, by a second node of type read, once it is trained), or its best.pt of an earlier run; or "
          "any TorchScript module, by path. Tiles must be of the size, and should be of the resolution and "
          "the stain, that the model was trained with; their pixels are normalised as then. Tables of tiles "
          "get a column p_<class> for each class, has_<label> for each label of task: multilabel, or "
          "predicted_<target> for each number of task: regression; save_predictions makes tables, heat maps "
          "and QuPath "
          "objects of them. Tiles are computed on by themselves, as many at a time as the run has threads, "
          "so that the numbers do not depend on which tiles are beside them.")
      .example("predicted: {type: predict, from: tiles, model: model.pt}")
      .input<wsi::Tile>("tile")
      .optional_scope_input<Model>("model")
      .output<wsi::Tile>("tile");
  d.option("model", &Predict::model, "checkpoint of `train`, or TorchScript module");
  d.option(
      "classes", &Predict::classes,
      "names of the outputs of a module that does not say them itself: of its classes, labels or numbers");
  d.option("output", &Predict::output,
           "what a TorchScript module gives: logits, probabilities, or auto: as train was told, or else "
           "probabilities where its code ends in softmax, and logits where it does not; numbers that look "
           "otherwise are refused")
      .choices({"auto", "logits", "probabilities"});
  d.option("task", &Predict::task,
           "what the outputs of a module are that does not say it itself, classification if not given; a "
           "model of "
           "another task is refused")
      .choices(tasks);
  d.option("device", &Predict::device, "auto, cpu or cuda:N");
}

void Predict::plan(Costs& costs) {
  costs.forwards("tile");
  costs.scratch = activations_per_byte * costs.in("tile");
  if (costs.has("model") == model.has_value())
    throw OptionError("model", model ? "the model comes from the graph and from a file" : "there is no model",
                      "a file, or from: {model: ...} with a node of type train");
  if (!classes.empty() && !model)
    throw OptionError("classes", "the graph's model says its classes itself", "classes only with `model`");
  if (output != "auto" && !model)
    throw OptionError("output", "the graph's model says its output itself", "output only with `model`");
  if (task && !model)
    throw OptionError("task", "the graph's model says its task itself", "task only with `model`");
  c10::Device on(c10::kCPU);
  try {
    on = choose_device(device);
  } catch (const Error& problem) {
    throw OptionError("device", problem.what());
  }
  if (!model) {
    costs.keeps_for_run = costs.in("model");
    return;
  }
  try {
    loaded_ = std::make_unique<Loaded>(read_model(*model, {classes, output, task}), on);
  } catch (const Error& problem) {
    throw OptionError("model", problem.what());
  }
  for (const auto& [name, tensor] : loaded_->model.network->state()) costs.keeps_for_run += tensor.nbytes();
  if (const at::Tensor code = loaded_->model.network->code(); code.defined())
    costs.keeps_for_run += code.nbytes();
}

std::map<std::string, std::string> Predict::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (model) wsi::add_identity("model", *model, all);
  return all;
}

const Predict::Loaded& Predict::loaded(const Inputs& in) {
  std::call_once(first_tile_, [&] {
    // Others have the graph's model too: what is moved to a device is a copy.
    if (!loaded_) loaded_ = std::make_unique<Loaded>(copy_of(in.get<Model>("model")), choose_device(device));
  });
  return *loaded_;
}

void Predict::process(Inputs& in, Outputs& out) {
  const Loaded& with = loaded(in);
  wsi::Tile tile = in.get<wsi::Tile>("tile");  // shares the pixels
  const cv::Mat& rgb = wsi::rgb_of(tile);
  const ModelFacts& facts = with.model.facts;
  if (facts.width > 0 && (rgb.cols != facts.width || rgb.rows != facts.height))
    throw Error(fmt::format("the tile has {} x {} pixels, but the model was trained on {} x {}", rgb.cols,
                            rgb.rows, facts.width, facts.height));
  const at::Tensor predictions = with.predictions(rgb);
  for (std::size_t c = 0; c < facts.classes.size(); ++c) {
    const std::string name = prefix_of(facts.task) + facts.classes[c];
    const double number = predictions.data_ptr<float>()[c];
    if (std::ranges::find(tile.values, name, &std::pair<std::string, double>::first) != tile.values.end())
      throw Error(fmt::format("the tile has a {} of another model already", name));
    if (facts.task == "regression" ? !std::isfinite(number) : !(number >= 0 && number <= 1))
      throw Error(fmt::format("the model's {} of {} is {}",
                              facts.task == "regression" ? "prediction" : "probability", facts.classes[c],
                              number));
    tile.values.emplace_back(name, number);
  }
  out.emit("tile", std::move(tile));
}

}  // namespace flowrun::torch_nodes
