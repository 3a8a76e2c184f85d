// SPDX-License-Identifier: Apache-2.0
#include "slide_models.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include "nodes/slide/slide_files.h"
#include "nodes/torch/model_file.h"
#include "nodes/torch/pickle_file.h"
#include "nodes/torch/predictions.h"
#include "nodes/torch/state_dict.h"
#include "slide_outputs.h"

namespace flowrun::torch_nodes {

SlideModels read_slide_models(const std::vector<std::filesystem::path>& files) {
  SlideModels out;
  std::vector<std::vector<double>> thresholds;
  for (const std::filesystem::path& file : files) {
    const Checkpoint checkpoint = read_checkpoint(file);
    if (!checkpoint.has("bag_model"))
      throw Error(fmt::format("{} is no model of slides: expected a checkpoint of train_mil", file.string()));
    try {
      auto network =
          std::make_shared<BagNetwork>(BagModel::from_text(checkpoint.entry("bag_model").toStringRef()),
                                       numbers_of(checkpoint.facts.task, checkpoint.facts.classes.size()), 0);
      load_weights(*network, to_map(checkpoint.entry("model")), file.string());
      network->train(false);
      out.networks.push_back(std::move(network));
    } catch (const Error&) {
      throw;
    } catch (const std::exception& problem) {
      throw Error(fmt::format("{} is damaged: {}", file.string(), problem.what()));
    }
    if (out.networks.size() == 1) out.facts = checkpoint.facts;
    if (checkpoint.facts.task != out.facts.task || checkpoint.facts.classes != out.facts.classes ||
        out.networks.back()->model().dimensions != out.networks.front()->model().dimensions)
      throw Error(
          fmt::format("{} and {} are not models of the same task", files.front().string(), file.string()));
    for (const auto& [what, value] : wsi::file_identity(file)) out.identity += value + "; ";
    out.temperatures.push_back(checkpoint.facts.temperatures);
    thresholds.push_back(checkpoint.facts.thresholds);
  }
  out.facts.thresholds = mean_thresholds(thresholds);
  return out;
}

}  // namespace flowrun::torch_nodes
