// SPDX-License-Identifier: Apache-2.0
#include "slide_prediction.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "attention_pictures.h"
#include "nodes/base/out_file.h"
#include "nodes/mil/slide_outputs.h"
#include "nodes/table/h5_file.h"
#include "nodes/table/table_text.h"
#include "nodes/torch/predictions.h"

namespace flowrun::torch_nodes {

SlidePrediction::SlidePrediction(std::shared_ptr<const SlideModels> models) : models_(std::move(models)) {
  for (const auto& network : models_->networks) pooled_.emplace_back(network->model());
  scores_.resize(models_->networks.size());
}

void SlidePrediction::add(const at::Tensor& features) {
  const c10::NoGradGuard no_grad;
  const std::int64_t dimensions = models_->networks.front()->model().dimensions;
  if (features.size(1) != dimensions)
    throw Error(fmt::format("the features have {} numbers a tile, but the models were trained with {}",
                            features.size(1), dimensions));
  for (std::size_t i = 0; i < pooled_.size(); ++i) {
    const BagBlock block = models_->networks[i]->embed(features);
    pooled_[i].add(block);
    if (!attends()) continue;
    const at::Tensor scores = block.scores.contiguous();
    scores_[i].insert(scores_[i].end(), scores.data_ptr<float>(), scores.data_ptr<float>() + scores.numel());
  }
  tiles_ += static_cast<std::size_t>(features.size(0));
}

std::vector<float> SlidePrediction::predicted() const {
  const c10::NoGradGuard no_grad;
  at::Tensor sum;
  for (std::size_t i = 0; i < pooled_.size(); ++i) {
    const at::Tensor one = slide_predictions(
        models_->facts.task,
        calibrated(models_->networks[i]->logits(pooled_[i].pooled()), models_->temperatures[i]));
    sum = sum.defined() ? sum + one : one;
  }
  const at::Tensor mean = (sum / static_cast<double>(pooled_.size())).contiguous();
  return {mean.data_ptr<float>(), mean.data_ptr<float>() + mean.numel()};
}

std::vector<float> SlidePrediction::attention() const {
  std::vector<float> mean(tiles_);
  const auto share = 1 / static_cast<float>(pooled_.size());
  for (std::size_t i = 0; i < pooled_.size(); ++i) {
    const at::Tensor scores = at::tensor(at::ArrayRef<float>(scores_[i]));
    const at::Tensor weights = pooled_[i].attention(scores).contiguous();
    for (std::size_t tile = 0; tile < tiles_; ++tile) mean[tile] += share * weights.data_ptr<float>()[tile];
  }
  return mean;
}

std::string prediction_csv(const std::string& slide, const ModelFacts& facts,
                           const std::vector<float>& predicted) {
  std::vector<std::string> columns{"slide"};
  const bool classes = of_classes(facts.task);
  if (classes) columns.emplace_back("prediction");
  for (const std::string& name : facts.classes)
    columns.push_back((classes ? "probability_" : facts.task == "regression" ? "predicted_" : "") + name);
  if (!facts.thresholds.empty()) columns.push_back("threshold_" + facts.classes.at(1));
  const wsi::TableText table(wsi::TableText::Format::csv, columns);
  std::vector<wsi::TableCell> cells{slide};
  if (classes) cells.emplace_back(facts.classes[class_of(facts.task, predicted, facts.thresholds)]);
  for (const float value : predicted) cells.emplace_back(static_cast<double>(value));
  if (!facts.thresholds.empty()) cells.emplace_back(facts.thresholds.front());
  return table.header() + table.row(cells);
}

void write_attention_csv(const std::filesystem::path& file, const SlidePrediction& slide) {
  const std::vector<float> attention = slide.attention();
  const std::vector<double> ranks = shares_below(attention);
  const wsi::TableText table(wsi::TableText::Format::csv, {"x", "y", "attention", "rank"});
  wsi::OutFile out(file);
  out.write(table.header());
  for (std::size_t i = 0; i < attention.size(); ++i) {
    const auto place = [&](std::size_t at) {
      return slide.places.empty() ? std::nullopt : std::optional(slide.places[2 * i + at]);
    };
    out.write(table.row({place(0), place(1), static_cast<double>(attention[i]), ranks[i]}));
  }
  out.close();
}

void write_attention_h5(const std::filesystem::path& file, const SlidePrediction& slide) {
  using wsi::H5Type;
  constexpr std::size_t chunk_rows = 1024;
  const bool whole =
      std::ranges::all_of(slide.places, [](double place) { return std::trunc(place) == place; });
  wsi::H5Writer h5(file);
  h5.add({"attention", H5Type::float32, {}, chunk_rows});
  const std::vector<float> attention = slide.attention();
  h5.append<float>("attention", attention);
  if (!slide.places.empty()) {
    h5.add({"coords", whole ? H5Type::int64 : H5Type::float64, {2}, chunk_rows});
    const std::vector<std::int64_t> pixels(slide.places.begin(), slide.places.end());
    whole ? h5.append<std::int64_t>("coords", pixels) : h5.append<double>("coords", slide.places);
  }
  h5.close();
}

}  // namespace flowrun::torch_nodes
