// SPDX-License-Identifier: Apache-2.0
// TrainMil::plan: whether options fit, and what a training takes.
#include <flowrun/error.h>
#include <flowrun/wsi/sample.h>
#include <fmt/format.h>

#include <algorithm>

#include "nodes/torch/device.h"
#include "nodes/trainer/task_kind.h"
#include "train_mil.h"

namespace flowrun::torch_nodes {
namespace {

/// Numbers that the layers keep of a tile for the backward pass, and that this makes of them, as counted in
/// BagNetwork::embed: of each hidden number four and two, of each that attention is made of seven and five.
constexpr std::size_t numbers_of_hidden = 6, numbers_of_attention = 12;
/// Outputs that there may be, of which nothing is known before.
constexpr std::int64_t most_outputs = 64;

std::size_t weight_bytes(const BagTrainingOptions& o) {
  const bool clam = o.model == "clam_sb";
  std::int64_t numbers = (o.dimensions + 1) * o.hidden + (o.hidden + 1) * most_outputs * (clam ? 3 : 1);
  if (o.model != "mean" && o.model != "max") numbers += 2 * (o.hidden + 1) * o.attention + o.attention + 1;
  return static_cast<std::size_t>(numbers) * sizeof(float);
}

}  // namespace

void TrainMil::plan(Costs& costs) {
  threads_of_run_ = static_cast<int>(costs.threads);
  if (!metric) metric = "loss";
  check_task(*this);
  if (metric_name(*this).starts_with("slide_"))
    throw OptionError("metric", fmt::format("'{}' is of tiles; here each sample is a slide", *metric),
                      metric->substr(std::string_view("slide_").size()));
  if (loss_name(*this) == "cox" && accumulate < 2)
    throw OptionError(
        "accumulate",
        fmt::format("loss: cox compares the slides of a step with each other, but a step is of {}",
                    accumulate),
        "at least 2; the more, the closer steps are to the whole set's likelihood");
  if (model == "clam_sb" && task != "classification")
    throw OptionError("model", "clam_sb learns from single tiles by their slide's class",
                      "task: classification");
  try {
    choose_device(device);
  } catch (const Error& problem) {
    throw OptionError("device", problem.what());
  }
  const auto tiles = static_cast<std::size_t>(block_tiles);
  const std::size_t block = tiles * static_cast<std::size_t>(dimensions) * sizeof(float);
  const std::size_t layers = tiles * sizeof(float) *
                             (numbers_of_hidden * static_cast<std::size_t>(hidden) +
                              numbers_of_attention * static_cast<std::size_t>(attention));
  // Weights, gradients, what adamw keeps (two numbers a weight), and their average. Those of all folds stay.
  const std::size_t weights = weight_bytes(*this), folds = static_cast<std::size_t>(std::max<std::int64_t>(
                                                       1, costs.told("bags", wsi::told_folds).value_or(1)));
  const std::size_t models = folds * (ema ? 5 : 4) * weights;
  costs.keeps_for_run = models + (bags_at_once + 1) * block + layers;
  if ((costs.on_device = costs_on(choose_device(device)))) {
    costs.on_device->fixed = with_surroundings(models);
    costs.on_device->per_sample =
        with_surroundings((2 * block + layers) / tiles);  // a block, and the next one
    costs.on_device->batch = tiles;
  }
  costs.out("models", folds * weights);
}

}  // namespace flowrun::torch_nodes
