// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// How many numbers a model of slides gives, for `names` of what is said of a slide. Of task ordinal one
/// fewer than classes: the logits of being beyond each class but the last, given that the slide is not below
/// it (CORN: Shi, Cao and Raschka 2021). Of survival, whose names are the risk and the survival at the end of
/// each interval, one fewer: the logits of the hazard in each interval (Zadeh and Schmid 2020); or, where the
/// risk is all, one: the logarithm of the hazard relative to others' (Cox 1972).
std::int64_t numbers_of(const std::string& task, std::size_t names);

/// What such numbers (slides x numbers) say, slides x names, float32: see predictions_of(); of ordinal the
/// probability of each class; of survival the risk (minus the sum of the survivals: higher is worse) and the
/// survivals, or the one number, which is the risk.
at::Tensor slide_predictions(const std::string& task, const at::Tensor& numbers);

/// The class that probabilities say: the highest, or by ModelFacts::thresholds; of ordinal the first that is
/// not exceeded with more than one half.
std::size_t class_of(const std::string& task, const std::vector<float>& probabilities,
                     const std::vector<double>& thresholds = {});

/// Whether slides have a class of some.
inline bool of_classes(const std::string& task) {
  return task == "classification" || task == "ordinal";
}

}  // namespace flowrun::torch_nodes
