// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// What all samples of a training run have in common.
struct SampleSet {
  std::vector<std::string> classes;  ///< names by label
  /// How often each class is drawn for training, in proportion: if each sample is, the samples that there
  /// are.
  std::vector<std::uint64_t> class_draws;
  std::uint64_t epochs = 0;              ///< how many the run has
  std::uint64_t training_samples = 0;    ///< drawn for each epoch
  std::uint64_t validation_samples = 0;  ///< the same in each epoch
  std::vector<std::string> targets{};    ///< names of the numbers that samples have to be predicted
  bool some_in_srgb = false;             ///< turned by a slide's ICC profile (Color::icc)
};

/// What a tile is in the training of a model. Within an epoch's scope the training samples come first.
struct Sample {
  std::shared_ptr<const SampleSet> set;
  std::size_t label = 0;         ///< index into set->classes
  bool validation = false;       ///< else for training
  std::uint64_t epoch = 0;       ///< from 0
  std::filesystem::path path;    ///< of the tile image; empty when it was read from a slide
  std::vector<float> targets{};  ///< by set->targets
};

}  // namespace flowrun::wsi
