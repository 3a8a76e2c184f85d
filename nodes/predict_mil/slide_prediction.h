// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "nodes/mil/pooling.h"
#include "nodes/mil/slide_models.h"

namespace flowrun::torch_nodes {

/// What models say of one slide, whose tiles come in blocks. Keeps a number of each model and the place for
/// each tile, no features. Not thread-safe.
class SlidePrediction {
 public:
  explicit SlidePrediction(std::shared_ptr<const SlideModels> models);

  /// The next tiles: float32, tiles x dimensions. Throws Error when they are of other dimensions.
  void add(const at::Tensor& features);
  /// Where the tiles are, two numbers each, level-0 pixels (of STAMP's files microns); none: not known.
  std::vector<double> places;

  std::size_t tiles() const { return tiles_; }
  bool attends() const { return models_->networks.front()->model().attends(); }
  /// The mean of all models, by name of the output.
  std::vector<float> predicted() const;
  /// The mean of all models' attention, by tile; it adds up to 1.
  std::vector<float> attention() const;

 private:
  std::shared_ptr<const SlideModels> models_;
  std::vector<Pooling> pooled_;             // by model
  std::vector<std::vector<float>> scores_;  // by model, then by tile
  std::size_t tiles_ = 0;
};

/// A table with a row, for predictions.csv.
std::string prediction_csv(const std::string& slide, const ModelFacts& facts,
                           const std::vector<float>& predicted);
/// Attention by tile as a table (x, y, attention, rank: the share of tiles with less).
void write_attention_csv(const std::filesystem::path& file, const SlidePrediction& slide);
/// The same as HDF5: `attention` (float32) and, where places are known, `coords` beside it.
void write_attention_h5(const std::filesystem::path& file, const SlidePrediction& slide);

}  // namespace flowrun::torch_nodes
