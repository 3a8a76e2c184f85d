// SPDX-License-Identifier: Apache-2.0
// What a Trainer does about batches that do not fit into memory.
#include <ATen/ATen.h>
#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nodes/torch/device.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

std::string first_line(const std::exception& problem) {
  const std::string what = problem.what();
  return what.substr(0, what.find('\n'));
}

}  // namespace

void Trainer::split_after(const std::exception& problem, const at::Tensor& images,
                          const at::Tensor& targets) {
  optimizer_->forget_gradients();
  empty_cache(device_);
  const std::int64_t part = part_ ? part_ : images.size(0);
  if (options_.on_oom != "split" || part == 1)
    throw Error(fmt::format(
        "out of memory with {} images of {} x {} pixels at once: {}{}; {}", part, facts_.width, facts_.height,
        first_line(problem),
        [&] {
          const auto memory = device_memory(device_);
          return memory ? fmt::format(" ({} allocated, {} reserved)", format_bytes(memory->allocated),
                                      format_bytes(memory->reserved))
                        : std::string();
        }(),
        what_fits(images, targets)));
  part_ = (part + 1) / 2;
  const bool normalises = std::ranges::any_of(
      network_->buffers(), [](const auto& buffer) { return buffer.first.ends_with("running_mean"); });
  notes_.push_back(fmt::format(
      "out of memory with {} images at once: went on with {}, gradients added up{}{}", part, part_,
      in_window_ > 0 ? " (earlier batches of the same step were left out)" : "",
      normalises
          ? "; batch normalisation has the statistics of each part, so the result is near that of whole "
            "batches, not the same"
          : ""));
  window_weight_ = unit_ = 0;
  in_window_ = 0;
}

/// So that the gradients of all parts, and of all batches of a step, are those of one mean over their
/// samples.
void Trainer::backward_in_parts(const at::Tensor& images, const at::Tensor& targets, double weight) {
  if (unit_ == 0) unit_ = weight;
  const std::int64_t all = images.size(0);
  const std::int64_t parts = part_ ? (all + part_ - 1) / part_ : 1;
  for (std::int64_t i = 0; i < parts; ++i) {  // of about one size, as one image may be too few
    const std::int64_t from = all * i / parts, count = all * (i + 1) / parts - from;
    const at::Tensor of_part = on_device(targets.narrow(0, from, count), false);
    if (const double part_weight = task_->weight(of_part); part_weight > 0)
      backward(on_device(images.narrow(0, from, count), true), of_part, part_weight / unit_);
  }
}

/// Tries, with the batch that was too large, what could be told to use instead.
std::string Trainer::what_fits(const at::Tensor& images, const at::Tensor& targets) {
  const auto fits = [&](std::int64_t count) {
    try {
      backward(on_device(images.narrow(0, 0, count), true), on_device(targets.narrow(0, 0, count), false), 1);
    } catch (const std::exception& problem) {
      if (!is_out_of_memory(problem)) throw;
      count = 0;
    }
    optimizer_->forget_gradients();
    empty_cache(device_);
    return count > 0;
  };
  std::vector<std::string> ways;
  const std::int64_t all = images.size(0);
  std::int64_t count = all / 2;
  while (count > 0 && !fits(count)) count /= 2;
  if (count > 0)
    ways.push_back(fmt::format("a batch size of {} with accumulate: {}, or on_oom: split", count,
                               (all + count - 1) / count * options_.accumulate));
  if (!options_.checkpointing && network_->checkpoint_blocks(true)) {
    if (fits(all)) ways.push_back(fmt::format("a batch size of {} with checkpointing: true", all));
    network_->checkpoint_blocks(false);
  }
  return ways.empty() ? "not even one image fits; use smaller images or a smaller model"
                      : fmt::format("what fits: {}", fmt::join(ways, "; or "));
}

}  // namespace flowrun::torch_nodes
