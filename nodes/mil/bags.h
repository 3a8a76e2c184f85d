// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nodes/table/folds.h"

namespace flowrun::torch_nodes {

using wsi::Role;

/// A slide as a bag of tiles, each a vector of features. Holds none of them.
struct Bag : wsi::FoldMember {
  std::filesystem::path file;  ///< of features
  std::uint64_t tiles = 0;
};

/// The slides of a training.
struct BagSet {
  std::vector<Bag> bags;             ///< by name
  std::vector<std::string> classes;  ///< names; none: there are targets
  std::vector<std::string> targets;  ///< names of numbers to be predicted
  std::vector<float> target_values;  ///< by bag, then by target
  bool with_patients = false;        ///< else each slide is taken as of one of its own
  std::size_t folds = 1;
  std::uint64_t epochs = 1;
  std::uint64_t seed = 0;
  std::uint64_t dimensions = 0;            ///< numbers a tile
  std::optional<std::uint64_t> max_tiles;  ///< that are drawn of a bag to train with

  std::span<const float> targets_of(std::size_t bag) const {
    return {target_values.data() + bag * targets.size(), targets.size()};
  }
  std::size_t count(std::size_t fold, Role role) const;
  /// The bags of each class that a fold trains with.
  std::vector<std::uint64_t> class_counts(std::size_t fold) const;
  /// Bytes that it takes, about.
  std::size_t bytes() const;
  /// The tiles of a bag to train with in an epoch, sorted: they depend on seed, epoch and slide alone.
  /// Nothing: all.
  std::optional<std::vector<std::uint64_t>> drawn_tiles(const Bag& bag, std::uint64_t epoch) const;
};

/// An epoch: each bag once for training, in this order, then each for evaluation, as in `set`.
struct BagEpoch {
  static constexpr std::string_view packet_type = "torch.bags/1";

  std::uint64_t number = 0;  ///< from 0
  std::shared_ptr<const BagSet> set;
  std::vector<std::uint32_t> order;  ///< of bags
};

}  // namespace flowrun::torch_nodes
