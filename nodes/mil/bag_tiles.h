// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/error.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

namespace flowrun::torch_nodes {

/// A bag whose features cannot be read.
struct UnreadBag : Error {
  using Error::Error;
};

/// The features of a bag, block after block, as often as they are wanted. A bag that fits into one block is
/// read at once; of a larger one nothing is kept. Throws UnreadBag, see FeatureReader.
class BagTiles {
 public:
  /// `selected`: the tiles to take, sorted; nothing: all. `block`: most tiles of one block.
  BagTiles(std::filesystem::path file, std::optional<std::vector<std::uint64_t>> selected,
           std::uint64_t block);

  /// All of them (float32, tiles x dimensions), when they are one block; else undefined.
  const at::Tensor& whole() const { return whole_; }
  /// With each block, and the number of its first tile among those that are taken.
  void for_each(const std::function<void(const at::Tensor& block, std::int64_t first)>& work) const;

 private:
  std::filesystem::path file_;
  std::optional<std::vector<std::uint64_t>> selected_;
  std::uint64_t block_;
  at::Tensor whole_;
};

}  // namespace flowrun::torch_nodes
