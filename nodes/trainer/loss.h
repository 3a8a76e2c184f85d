// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

#include "training_options.h"

namespace flowrun::torch_nodes {

/// The weights of classes: as given, or for "auto" draws / (classes x draws of the class) (King and Zeng
/// 2001), so that sampling that has made classes alike is not made up for again; float32; undefined when
/// there are none. Throws Error when they do not fit the classes.
at::Tensor class_weights(const TrainingOptions& options, const std::vector<std::string>& classes,
                         const std::vector<std::uint64_t>& draws);

/// The mean loss of samples, weighted by class: cross entropy, or focal loss (Lin et al. 2017). Labels are
/// smoothed as in Szegedy et al. 2016. Divided by the sum of the weights of the labels, as torch does.
at::Tensor loss_of(const TrainingOptions& options, const at::Tensor& logits, const at::Tensor& labels,
                   const at::Tensor& class_weights);

/// What loss_of() divides by: the sum of the labels' weights. By it the losses of parts add up to that of the
/// whole. Both on the CPU.
double weight_of(const at::Tensor& labels, const at::Tensor& class_weights);

}  // namespace flowrun::torch_nodes
