// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "inference.h"

namespace flowrun::torch_nodes {

/// What an encoder must be told of images, and what becomes of its output. A TorchScript encoder may carry it
/// as encoder_facts_file.
struct EncoderFacts {
  std::string name;                                 ///< what features say they were made by
  std::int64_t input_size = 0;                      ///< pixels a side; 0: any
  std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< RGB, of pixels scaled to 0..1: subtracted
  std::array<double, 3> std{0.229, 0.224, 0.225};   ///< then divided by
  std::optional<double> mpp;                        ///< microns per pixel of the images that it was made for
  /// Of tokens (images x tokens x dimensions): class, the first; mean, of all but the first `prefix_tokens`;
  /// class_mean, both beside each other. Of maps (images x dimensions x rows x columns): mean. none: it gives
  /// a vector for each image.
  std::string pooling = "none";
  std::int64_t prefix_tokens = 1;  ///< class and register tokens, before those of patches
};

/// What EncoderFacts::pooling may be.
inline const std::vector<std::string> poolings{"none", "class", "mean", "class_mean"};

/// The name of the JSON file in a TorchScript module that has the facts, by the names of their members; all
/// optional.
constexpr const char* encoder_facts_file = "encoder.json";

/// Turns images into features. Thread-safe.
struct Encoder {
  EncoderFacts facts;
  Inference inference;  ///< of images (on the device) what is to be pooled

  /// Float32, images x dimensions, on the device. Throws Error when the output is not what `facts.pooling` is
  /// for.
  at::Tensor encode(const at::Tensor& images) const;
  /// Throws Error unless these, on the CPU, are of so many images, and finite.
  void check(const at::Tensor& features, std::int64_t images) const;
};

/// One of architectures() with the weights of a file; or by the path of `model`: a checkpoint of `train`,
/// whose features are what its last layer sees, or a TorchScript module, whose output they are. On the
/// device, not training. `half`: what it computes with instead of float32, a module in all of its code,
/// others where that is safe. Throws Error when that cannot be.
Encoder read_encoder(const std::string& model, const std::optional<std::filesystem::path>& weights,
                     c10::Device device, std::optional<c10::ScalarType> half = {});

}  // namespace flowrun::torch_nodes
