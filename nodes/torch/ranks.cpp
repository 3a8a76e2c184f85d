// SPDX-License-Identifier: Apache-2.0
#include "ranks.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "rank_group.h"

namespace flowrun::torch_nodes {
namespace {

/// Where Gloo can work on them: on the host, the numbers of each in the order of its dimensions.
std::vector<at::Tensor> laid_out(const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> out;
  for (const at::Tensor& tensor : tensors) out.push_back(tensor.cpu().contiguous());
  return out;
}

void copy_back(const std::vector<at::Tensor>& from, const std::vector<at::Tensor>& to) {
  for (std::size_t i = 0; i < to.size(); ++i)
    if (!from[i].is_same(to[i])) to[i].copy_(from[i]);
}

}  // namespace

Ranks::Ranks() = default;
Ranks::~Ranks() = default;

Ranks::Ranks(const std::filesystem::path& output_folder) : own_(rank_of_process()) {
  if (are_several()) group_ = std::make_unique<RankGroup>(own_, output_folder);
}

void Ranks::sum(const std::vector<at::Tensor>& tensors) {
  if (!group_) return;
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> there = laid_out(tensors);
  group_->sum(there);
  copy_back(there, tensors);
}

void Ranks::take_first(const std::vector<at::Tensor>& tensors) {
  if (!group_) return;
  const c10::NoGradGuard no_grad;
  const std::vector<at::Tensor> there = laid_out(tensors);
  group_->spread(there, 0);
  copy_back(there, tensors);
}

std::vector<std::string> Ranks::gather(const std::string& said) {
  if (!group_) return {said};
  const at::Tensor sizes = at::zeros({own_.count}, at::kLong);
  sizes[own_.number] = static_cast<std::int64_t>(said.size());
  group_->sum({sizes});
  std::vector<std::string> all;
  for (int rank = 0; rank < own_.count; ++rank) {
    const at::Tensor bytes = at::empty({sizes[rank].item<std::int64_t>()}, at::kByte);
    if (rank == own_.number) std::ranges::copy(said, bytes.data_ptr<std::uint8_t>());
    group_->spread({bytes}, rank);
    const auto* from = bytes.data_ptr<std::uint8_t>();
    all.emplace_back(from, from + bytes.numel());
  }
  return all;
}

void Ranks::agree_on(const std::string& what) {
  const std::vector<std::string> all = gather(what);
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw Error(fmt::format(
          "rank 0 begins with {}, rank {} with {}: start all ranks again, with one graph and one folder",
          all[0], rank, all[rank]));
}

void Ranks::fail(std::shared_ptr<Ranks>& ranks, const std::filesystem::path& output_folder,
                 const std::string& why) noexcept {
  try {
    if (!ranks) ranks = std::make_shared<Ranks>(output_folder);
    if (ranks->group_) ranks->group_->fail(why);
  } catch (const std::exception&) {  // they are not there: only the first problem is told
  }
}

}  // namespace flowrun::torch_nodes
