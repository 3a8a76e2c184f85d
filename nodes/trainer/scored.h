// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// ModelFacts::thresholds, shared by all that a model said; null: none.
using Thresholds = std::shared_ptr<const std::vector<double>>;

/// Those numbers; none of null.
inline const std::vector<double>& values_of(const Thresholds& thresholds) {
  static const std::vector<double> none;
  return thresholds ? *thresholds : none;
}

/// What a model said of one sample of validation, and what is right.
struct Scored {
  std::string slide;             ///< empty: of no slide
  std::vector<float> target;     ///< as Task::targets() has it
  std::vector<float> predicted;  ///< as Task::predictions() has it, by output
  Thresholds thresholds{};       ///< by which probabilities are decided on
};

/// One entry a slide: the mean of what was said of its samples. Nothing when a slide has samples with
/// different targets, or samples are of no slide: then slides have no target to compare with.
std::optional<std::vector<Scored>> by_slide(const std::vector<Scored>& samples);

}  // namespace flowrun::torch_nodes
