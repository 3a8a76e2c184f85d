// SPDX-License-Identifier: Apache-2.0
#include "loss.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include "task_kind.h"

namespace flowrun::torch_nodes {

at::Tensor class_weights(const TrainingOptions& options, const std::vector<std::string>& classes,
                         const std::vector<std::uint64_t>& draws) {
  const auto& given = options.class_weights;
  if (given.empty()) return {};
  std::vector<float> weights;
  if (given == std::vector<std::string>{"auto"}) {
    if (draws.size() != classes.size())
      throw Error(
          "class_weights: auto needs to know how often each class is drawn, which the batches do not say");
    double all = 0;
    for (const auto count : draws) all += static_cast<double>(count);
    for (std::size_t i = 0; i < classes.size(); ++i) {
      if (draws[i] == 0)
        throw Error(
            fmt::format("class '{}' is never drawn, so class_weights: auto cannot weigh it", classes[i]));
      weights.push_back(
          static_cast<float>(all / (static_cast<double>(classes.size()) * static_cast<double>(draws[i]))));
    }
  } else {
    if (given.size() != classes.size())
      throw Error(fmt::format("class_weights has {} numbers, but there are {} classes", given.size(),
                              classes.size()));
    for (const std::string& text : given) weights.push_back(std::stof(text));
  }
  return at::tensor(weights);
}

at::Tensor loss_of(const TrainingOptions& options, const at::Tensor& logits, const at::Tensor& labels,
                   const at::Tensor& weights) {
  const at::Tensor scores = logits.to(at::kFloat);
  if (loss_name(options) == "cross_entropy")
    return at::cross_entropy_loss(scores, labels, weights, at::Reduction::Mean, -100,
                                  options.label_smoothing);
  const at::Tensor each =
      at::cross_entropy_loss(scores, labels, weights, at::Reduction::None, -100, options.label_smoothing);
  const at::Tensor right = at::softmax(scores, 1).gather(1, labels.unsqueeze(1)).squeeze(1);
  // Below 1 the power has no slope at 0, where what it is multiplied by is 0, too.
  constexpr double least = 1e-8;
  const at::Tensor focal = at::pow((1 - right).clamp_min(least), options.focal_gamma) * each;
  if (!weights.defined()) return focal.mean();
  return focal.sum() / weights.index_select(0, labels).sum();
}

double weight_of(const at::Tensor& labels, const at::Tensor& weights) {
  if (!weights.defined()) return static_cast<double>(labels.size(0));
  return weights.index_select(0, labels).sum().item<double>();
}

}  // namespace flowrun::torch_nodes
