// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "nodes/torch/inference.h"

namespace flowrun::torch_nodes {

/// A TorchScript module that tells the class of each pixel, on its device. Thread-safe.
struct Segmenter {
  std::string source;  ///< its file
  Inference inference{};
  std::int64_t classes = 0;        ///< that it tells; one of two where it gives a single map
  bool gives_logits = true;        ///< else probabilities
  std::size_t bytes_an_image = 0;  ///< that computing takes besides images and probabilities, on a CPU

  /// What is said of images on the device, there.
  struct Maps {
    at::Tensor probabilities;  ///< images x classes x side x side, float32
    at::Tensor are_sound;      ///< bool: they are probabilities of one class a pixel
  };
  /// Maps of another size than the images are scaled to theirs (bilinear). Throws Error when there are none.
  Maps maps(const at::Tensor& images) const;
  /// Throws Error unless `are_sound`, of Maps, on the CPU.
  void check(const at::Tensor& are_sound) const;
};

/// `output`: what the module gives: logits, probabilities, or auto: as its code ends. Tries it on one image
/// of side x side pixels. Throws Error.
Segmenter read_segmenter(const std::filesystem::path& file, const std::string& output, std::int64_t side,
                         c10::Device device, std::optional<c10::ScalarType> half);

}  // namespace flowrun::torch_nodes
