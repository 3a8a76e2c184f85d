// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/wsi/sample.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::torch_nodes {

/// One sample of a batch: where it came from.
struct SampleOrigin {
  std::string slide;            ///< its name; empty when it is a tile image of no known slide
  std::string path;             ///< of the tile image; empty when it was read from a slide
  std::int64_t x = 0, y = 0;    ///< level-0 pixels
  std::optional<double> mpp{};  ///< microns per pixel of the image
  std::string patient{};        ///< empty: not known
  std::uint64_t number = 0;     ///< the same in all epochs and folds
  bool held_out = false;        ///< all folds test it
};

/// Images, labels and targets that a model takes at once. Within an epoch's scope the training batches come
/// first, then the validation batches, then the test batches; an epoch of a fold that nobody wants has none.
/// Where several ranks train (see flowrun/rank.h), each has its samples of a batch only, and no packet of one
/// of which it has none.
struct Batch {
  static constexpr std::string_view packet_type = "torch.batch/6";
  /// By this name who makes batches tells in the plan (Costs::tell) how many pixels each image has: what a
  /// model takes to train with them is measured before the run. Packets are to be said to take bytes_of() at
  /// most.
  static constexpr std::string_view told_pixels = "pixels";
  /// Bytes of so many images with so many pixels each, as float32, and of a label for each.
  static constexpr std::size_t bytes_of(std::size_t images, std::size_t pixels) {
    return images * (pixels * 3 * sizeof(float) + sizeof(std::int64_t));
  }

  at::Tensor images;     ///< float32, samples x 3 x height x width, RGB, normalised
  at::Tensor labels;     ///< int64, samples; index into *classes
  at::Tensor targets{};  ///< float32, samples x *target_names; undefined when samples have none
  std::vector<SampleOrigin> samples;
  bool validation = false;   ///< or for testing: never mixed with training samples in one batch
  bool test = false;         ///< never mixed with those for validation
  std::uint64_t epoch = 0;   ///< from 0
  std::uint64_t number = 0;  ///< of one to train with: among those of the epoch, from 0

  // The same for all batches of a run, or of a fold.
  std::shared_ptr<const std::vector<std::string>> classes;  ///< names by index
  /// How often each class is drawn for training, in proportion.
  std::shared_ptr<const std::vector<std::uint64_t>> class_draws{};
  /// Names of the columns of `targets`; null when there are none.
  std::shared_ptr<const std::vector<std::string>> target_names{};
  std::uint64_t epochs = 0;            ///< how many the run has, of each fold
  std::uint64_t training_batches = 0;  ///< of an epoch
  std::uint64_t fold = 0;              ///< from 0
  std::uint64_t folds = 0;             ///< one after the other; 0: there are none
  /// Of this fold: a stop is requested of it when no further epoch is wanted. Null when there are no folds.
  std::shared_ptr<const std::stop_source> over{};
  std::array<double, 3> mean{0.485, 0.456, 0.406};  ///< RGB, of pixels scaled to 0..1: subtracted
  std::array<double, 3> std{0.229, 0.224, 0.225};   ///< then divided by
  /// What the samples are; null: not known.
  std::shared_ptr<const wsi::SampleSet> set{};
};

}  // namespace flowrun::torch_nodes
