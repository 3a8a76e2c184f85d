// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// By this name who makes epochs tells in the plan (Costs::tell) how many folds there are; 0: none. A model
/// is trained for each.
inline constexpr std::string_view told_folds = "folds";

/// The samples for training, those for validation, or those for testing.
struct SamplePart {
  std::uint64_t samples = 0;
  std::uint64_t slides = 0, patients = 0;  ///< that they are of; 0: not known
  std::vector<std::uint64_t> of_class;     ///< samples by label
};

/// What all samples of a training have in common: of a run or, where patients are dealt to folds, of one
/// fold.
struct SampleSet {
  std::vector<std::string> classes;  ///< names by label
  /// How often each class is drawn for training, in proportion: if each sample is, the samples that there
  /// are.
  std::vector<std::uint64_t> class_draws;
  std::uint64_t epochs = 0;              ///< how many the run has
  std::uint64_t training_samples = 0;    ///< drawn for each epoch
  std::uint64_t validation_samples = 0;  ///< the same in each epoch
  std::uint64_t test_samples = 0;        ///< the same in each epoch
  std::uint64_t held_out_samples = 0;    ///< of those, the last, which all folds test
  std::vector<std::string> targets{};    ///< names of the numbers that samples have to be predicted
  bool some_in_srgb = false;             ///< turned by a slide's ICC profile (Color::icc)
  std::uint64_t fold = 0;                ///< from 0
  std::uint64_t folds = 0;               ///< trained one after the other; 0: patients are in no folds
  /// What learns requests a stop when it wants no further epoch of this fold: those to come have no samples.
  std::stop_source over{};
  SamplePart training{}, validation{}, test{};  ///< all there are, of the fold
  std::vector<std::string> tables{};  ///< files that list them; none: they were gathered in the graph
};

/// What a tile is in the training of a model. Within an epoch's scope the training samples come first,
/// then those for validation, then those for testing.
struct Sample {
  std::shared_ptr<const SampleSet> set;
  std::size_t label = 0;         ///< index into set->classes
  bool validation = false;       ///< for validation or testing; else for training
  bool test = false;             ///< for testing
  bool held_out = false;         ///< all folds test it
  std::uint64_t epoch = 0;       ///< from 0
  std::filesystem::path path;    ///< of the tile image; empty when it was read from a slide
  std::vector<float> targets{};  ///< by set->targets
  std::uint64_t number = 0;      ///< the same in all epochs and folds
  std::string patient{};         ///< empty: not known
};

}  // namespace flowrun::wsi
