// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>
#include <flowrun/scope.h>
#include <flowrun/torch/model.h>
#include <flowrun/wsi/tile.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "nodes/torch/inference.h"
#include "nodes/torch/model_queue.h"
#include "nodes/torch/normalisation.h"

namespace flowrun::torch_nodes {

/// A model on its device, ready for tiles. Thread-safe.
class Predictor {
 public:
  /// Images that one thread computes with at once on a CPU: with fewer, weights are read too often. What a
  /// tile gets depends on it in its last digits, so it does not depend on the number of threads.
  static constexpr std::int64_t images_a_thread = 8;

  /// Takes the model for itself: of our own networks batch normalisation is folded into convolutions. `half`:
  /// what it computes with, where that is safe, instead of float32. `symmetries`: of how many of a tile's the
  /// mean is predicted: 1, the tile itself; 4, flipped in both directions; 8, turned as well.
  Predictor(Model model, c10::Device device, std::optional<c10::ScalarType> half, int symmetries = 1);

  const ModelFacts& facts() const { return facts_; }
  const c10::Device& device() const { return device_; }
  /// Of its weights, and of its code.
  std::size_t weight_bytes() const { return inference_.weight_bytes; }
  /// What tensors take at most while a thread computes with so many images of side x side pixels on a CPU:
  /// measured. Throws what the model throws.
  std::size_t bytes_of(std::int64_t images, std::int64_t side) const;

  using Tiles = std::span<const std::shared_ptr<const wsi::Tile>>;
  /// Of tiles of one size, one or more: tiles x outputs, float32, on the CPU. At most `at_once` threads of
  /// the run do it. Undefined when the scope has failed meanwhile. Throws Error when the model does not give
  /// a number for each output.
  at::Tensor predictions(Tiles tiles, int at_once, const Scope& scope) const;

 private:
  at::Tensor predictions_of_images(const at::Tensor& images) const;
  at::Tensor mean_of_symmetries(const at::Tensor& images) const;
  at::Tensor predictions_of_these(const at::Tensor& images) const;

  const ModelFacts facts_;
  const c10::Device device_;
  mutable ModelQueue queue_;
  const Inference inference_;
  const int symmetries_;
  const Normalisation normalisation_;
};

}  // namespace flowrun::torch_nodes
