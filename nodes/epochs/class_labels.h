// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "nodes/slide/samples.h"

namespace flowrun::wsi {

/// The classes of a training, and what the labels of samples are among them.
struct ClassLabels {
  std::vector<std::string> classes;
  std::vector<std::uint32_t> label;  ///< by label of the samples: index into `classes`
};

/// `classes` in the order given; if none are, all labels there are, by number where all are numbers, else by
/// name. Throws Error when a label is none of the classes, there are fewer than two, or without `classes` two
/// labels are one number ("1" and "1.0").
ClassLabels class_labels(const Samples& samples, std::vector<std::string> classes);

/// The same of samples that are to be predicted something else: any labels, also none.
ClassLabels any_labels(const Samples& samples);

/// Samples of each class that are for training (not in `validation`). Throws Error when a class has none.
std::vector<std::uint64_t> class_samples(const Samples& samples, const ClassLabels& labels,
                                         const std::vector<bool>& validation);

/// What is counted of these rows.
SamplePart part_of(const Samples& samples, const ClassLabels& labels, const std::vector<std::uint32_t>& rows);

/// How often classes are drawn, in proportion, when samples are drawn by their weights.
std::vector<std::uint64_t> class_draws_by_weight(const Samples& samples, const ClassLabels& labels,
                                                 const std::vector<bool>& validation);

}  // namespace flowrun::wsi
