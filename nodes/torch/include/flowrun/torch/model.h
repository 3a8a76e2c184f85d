// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/torch/network.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::torch_nodes {

/// What a model must be told of images, and what its outputs mean.
struct ModelFacts {
  std::string architecture;          ///< "resnet18", or "torchscript"
  std::vector<std::string> classes;  ///< by output: of other tasks what it predicts
  std::int64_t width = 0;            ///< of the images that it was trained on, pixels; 0: not known
  std::int64_t height = 0;
  std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< RGB, of pixels scaled to 0..1: subtracted
  std::array<double, 3> std{0.229, 0.224, 0.225};   ///< then divided by
  std::string output = "auto";  ///< what a TorchScript module gives: auto, logits or probabilities
  /// What the outputs are: classification (classes, of which an image has one), multilabel (labels, of which
  /// it has any number) or regression (numbers).
  std::string task = "classification";
  std::optional<double> mpp{};  ///< microns per pixel of those images; nothing: not known, or several
  /// What logits are divided by before softmax, or before the sigmoid of each label (Guo et al. 2017): of
  /// classes one number, of labels one each, above 0; none: not calibrated.
  std::vector<double> temperatures{};
  /// From which probability on a sample is said to be of the second of two classes, or to have each label;
  /// none: the class with the highest, labels from 0.5 on.
  std::vector<double> thresholds{};
};

/// A trained model, not training.
struct Model {
  static constexpr std::string_view packet_type = "torch.model/4";

  ModelFacts facts;
  std::shared_ptr<Network> network;
  std::string identity;  ///< path, size and time of its file: what was made with another is made anew
};

}  // namespace flowrun::torch_nodes
