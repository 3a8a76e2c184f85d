// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <flowrun/rank.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace flowrun::torch_nodes {

/// Several ranks, connected. As Ranks has it; tensors are on the host and contiguous.
class RankGroup {
 public:
  /// Throws Error where libtorch has no Gloo, and when not all ranks come.
  RankGroup(const Rank& own, const std::filesystem::path& output_folder);
  ~RankGroup();
  RankGroup(const RankGroup&) = delete;

  void sum(const std::vector<at::Tensor>& tensors);
  /// Each becomes that of rank `from`.
  void spread(const std::vector<at::Tensor>& tensors, int from);
  void fail(const std::string& why) noexcept;

 private:
  struct Connected;
  std::unique_ptr<Connected> connected_;
};

}  // namespace flowrun::torch_nodes
