// SPDX-License-Identifier: Apache-2.0
// BagTrainer, where the loss is one of all slides of a step together: Task::is_joint().
#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <fmt/format.h>
#include <torch/csrc/autograd/autograd.h>

#include "bag_trainer.h"
#include "nodes/mil/pooling.h"

namespace flowrun::torch_nodes {

/// Lets the model say what it thinks of a bag in training, and keeps just that: bags come one by one.
void BagTrainer::learn_together(std::size_t bag, const BagTiles& tiles) {
  const NamedTensors random = bags().random().state();
  at::Tensor outputs;
  {
    const c10::NoGradGuard no_grad;
    Pooling pooling(bags().model());
    tiles.for_each([&](const at::Tensor& features, std::int64_t) { pooling.add(embedded(features)); });
    const Autocast in_precision(precision());
    outputs = bags().logits(pooling.pooled());
  }
  joint_.push_back({bag, outputs.to(at::kFloat), random});
  if (joint_.size() == static_cast<std::size_t>(options_.accumulate)) end_joint_step();
}

/// The loss of the bags and its gradients by what was said of each, with which each is gone through once
/// more, with the same dropout: the sum of their gradients is that of the loss.
void BagTrainer::end_joint_step() {
  const std::vector<Joint> step = std::exchange(joint_, {});
  if (step.empty()) return;
  std::vector<at::Tensor> said, right;
  for (const Joint& one : step) said.push_back(one.outputs), right.push_back(targets_of(one.bag));
  const at::Tensor outputs = at::cat(said).requires_grad_(), targets = at::cat(right);
  const at::Tensor loss = task().loss(outputs, copies().to_device(targets));
  torch::autograd::backward({loss}, {});
  if (loss.isfinite().item<bool>() && !outputs.grad().count_nonzero().item<std::int64_t>()) {
    untaught_ += step.size();
    for (std::size_t i = 0; i < step.size(); ++i) skip_batch();
    return;
  }
  network().train(true);
  const auto count = static_cast<double>(step.size());
  const double share = task().weight(targets) / count;
  for (std::size_t i = 0; i < step.size(); ++i) {
    const auto [bag, unused, random] = step[i];
    // A step divides what was added up by its weight, here that of `count` bags.
    joint_now_ = {
        outputs.grad().slice(0, static_cast<std::int64_t>(i), static_cast<std::int64_t>(i) + 1) * count,
        loss.detach(), share};
    const RestoredRandom again(bags().random(), random);
    begin_batch(share);
    try {
      const BagTiles tiles(set_->bags[bag].file, tiles_of_epoch(bag),
                           static_cast<std::uint64_t>(options_.block_tiles));
      tiles.whole().defined() ? learn_whole(bag, tiles.whole()) : learn_in_blocks(bag, tiles);
    } catch (const UnreadBag& problem) {  // others of the step have been learnt from beside it
      throw not_once_more(bag, problem);
    }
    end_batch(share);
  }
}

Error BagTrainer::not_once_more(std::size_t bag, const UnreadBag& problem) const {
  return Error(fmt::format("slide '{}' was read before, but not once more: {}", set_->bags[bag].slide,
                           problem.what()));
}

std::optional<std::vector<std::uint64_t>> BagTrainer::tiles_of_epoch(std::size_t bag) const {
  return set_->drawn_tiles(set_->bags[bag], next_epoch());
}

/// The loss of all slides of validation together.
void BagTrainer::add_metrics(History::Row& row) const {
  if (!task().is_joint()) return;
  std::vector<float> said, right;
  for (const Scored& one : scored()) {
    said.push_back(one.predicted[0]);
    right.insert(right.end(), one.target.begin(), one.target.end());
  }
  row["loss"] = nullptr;
  if (said.empty()) return;  // targets of no slide have no shape
  const auto count = static_cast<std::int64_t>(said.size());
  const at::Tensor targets = at::tensor(right).reshape({count, -1});
  if (task().weight(targets) > 0)
    row["loss"] = task().loss(at::tensor(said).reshape({count, 1}), targets).item<double>();
}

}  // namespace flowrun::torch_nodes
