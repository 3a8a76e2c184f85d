// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/rank.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

class RankGroup;

/// The processes that train a model together, and what they tell each other, by Gloo of torch.distributed (Li
/// et al., VLDB 2020). All call the same functions in the same order, with tensors of the same sizes; each
/// waits for the others as long as they live. Of one process they do nothing. Not thread-safe.
///
/// What waits throws Error when another rank has failed or died, which says which one, on which machine, and
/// why, if it is known: at once, or when nothing was heard of it for 30 s.
class Ranks {
 public:
  /// One process.
  Ranks();
  /// As rank_of_process() says. Where there are several, it waits for all of them to train into the same
  /// output folder, for 10 minutes at most. torchrun says where they meet (MASTER_ADDR, MASTER_PORT); those
  /// of srun meet in the folder's `.flowrun/ranks`. GLOO_SOCKET_IFNAME names the network interface, as for
  /// PyTorch; if not given, that of the machine's name. Throws Error.
  explicit Ranks(const std::filesystem::path& output_folder);
  ~Ranks();
  Ranks(const Ranks&) = delete;

  bool are_several() const { return own_.count > 1; }
  const Rank& own() const { return own_; }

  /// Each tensor becomes the sum of those of all ranks, bit by bit the same for all. On a device they go by
  /// way of the host.
  void sum(const std::vector<at::Tensor>& tensors);
  /// Each tensor becomes that of rank 0.
  void take_first(const std::vector<at::Tensor>& tensors);
  /// What all have to say, by rank.
  std::vector<std::string> gather(const std::string& said);
  /// Throws Error when they do not all train the same, in words: one may have looked at the output folder
  /// before rank 0 had ended there what a dead run began.
  void agree_on(const std::string& what);
  /// Tells the others that this rank goes no further, and why; they stop waiting. Takes some seconds. Where
  /// they have not met yet (null) it meets them first, as they wait for it.
  static void fail(std::shared_ptr<Ranks>& ranks, const std::filesystem::path& output_folder,
                   const std::string& why) noexcept;

 private:
  Rank own_;
  std::unique_ptr<RankGroup> group_;  // null of one process
};

}  // namespace flowrun::torch_nodes
