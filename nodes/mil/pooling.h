// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bag_network.h"

namespace flowrun::torch_nodes {

/// One vector (float32, 1 x hidden) of a whole bag: the mean of tiles weighted by attention (the softmax of
/// scores), the mean, or the highest of each number.
at::Tensor pooled(const BagModel& model, const BagBlock& bag);

/// The same of blocks that come one after the other, without gradients, and the gradients of blocks when all
/// is known: a bag of any size is learnt from in the memory of a block. With w the attention, M what is
/// pooled and g the loss' gradient by M, that by the hidden tile h_i is w_i g, and by its score w_i (h_i . g
/// - M . g).
class Pooling {
 public:
  explicit Pooling(const BagModel& model) : model_(model) {}

  void add(const BagBlock& block);
  at::Tensor pooled() const;
  /// Of a block that was added, by its scores.
  at::Tensor attention(const at::Tensor& scores) const;
  /// The loss' gradients by a block's hidden tiles and scores, of `gradient` by what is pooled (1 x hidden).
  /// `first` is the block's first tile within the bag.
  BagBlock gradients(const BagBlock& block, const at::Tensor& gradient, std::int64_t first) const;

 private:
  const BagModel model_;
  std::int64_t tiles_ = 0;
  at::Tensor highest_;  // score so far
  at::Tensor sum_;      // of exp(score - highest)
  at::Tensor vector_;   // sum of tiles weighted by that; their sum; the highest of each number
  at::Tensor from_;     // of max: the tiles that these are of
};

}  // namespace flowrun::torch_nodes
