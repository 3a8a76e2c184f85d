// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nodes/mil/bag_network.h"

namespace flowrun::torch_nodes {

/// Of clam_sb: the tiles of a bag with the highest scores and those with the lowest, which single tiles are
/// learnt from, found block after block.
class Evidence {
 public:
  explicit Evidence(std::int64_t count) : count_(count) {}

  /// Without gradients.
  void add(const BagBlock& block, std::int64_t first);
  /// Hidden tiles (k x hidden) as leaves, whose gradients come with the loss.
  const at::Tensor& highest() const { return highest_.hidden; }
  const at::Tensor& lowest() const { return lowest_.hidden; }
  void want_gradients();
  /// Adds their gradients to those of a block's hidden tiles.
  void add_gradients(at::Tensor& of_hidden, std::int64_t first) const;

 private:
  struct Tiles {
    at::Tensor scores, numbers, hidden;
    void add(const at::Tensor& new_scores, const BagBlock& block, std::int64_t first, std::int64_t most);
    void add_gradients(at::Tensor& of_hidden, std::int64_t first) const;
  };
  std::int64_t count_;
  Tiles highest_, lowest_;  // scores of the lowest are negated
};

/// The loss of single tiles (Lu et al. 2021): the highest are evidence for the label's class and the lowest
/// are not; with `subtyping` the highest are no evidence for any other class. The mean over classes; cross
/// entropy.
at::Tensor evidence_loss(const BagNetwork& network, std::int64_t label, std::int64_t classes, bool subtyping,
                         const at::Tensor& highest, const at::Tensor& lowest);

}  // namespace flowrun::torch_nodes
