// SPDX-License-Identifier: Apache-2.0
// What an ImageTrainer does about batches that do not fit into memory.
#include <ATen/ATen.h>
#include <flowrun/bytes.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "image_trainer.h"
#include "nodes/torch/device.h"

namespace flowrun::torch_nodes {
void ImageTrainer::split_after(const std::exception& problem, const at::Tensor& images,
                               const MixedTargets& targets) {
  forget_gradients();
  empty_cache(device());
  const std::int64_t part = part_ ? part_ : images.size(0);
  if (options_.on_oom != "split" || part == 1)
    throw Error(fmt::format(
        "out of memory with {} images of {} x {} pixels at once: {}{}; {}", part, facts().width,
        facts().height, first_line(problem),
        [&] {
          const auto memory = device_memory(device());
          return memory ? fmt::format(" ({} allocated, {} reserved)", format_bytes(memory->allocated),
                                      format_bytes(memory->reserved))
                        : std::string();
        }(),
        what_fits(images, targets)));
  part_ = (part + 1) / 2;
  const bool normalises = std::ranges::any_of(
      network().buffers(), [](const auto& buffer) { return buffer.first.ends_with("running_mean"); });
  note(fmt::format(
      "out of memory with {} images at once: went on with {}, gradients added up{}{}", part, part_,
      in_step() ? " (earlier batches of the same step were left out)" : "",
      normalises
          ? "; batch normalisation has the statistics of each part, so the result is near that of whole "
            "batches, not the same"
          : ""));
  forget_step();
}

void ImageTrainer::learn_in_parts(const at::Tensor& images, const MixedTargets& targets, double weight) {
  begin_batch(weight);
  const std::int64_t all = images.size(0);
  const std::int64_t parts = part_ ? (all + part_ - 1) / part_ : 1;
  for (std::int64_t i = 0; i < parts; ++i) {  // of about one size, as one image may be too few
    const std::int64_t from = all * i / parts, count = all * (i + 1) / parts - from;
    const MixedTargets of_part = targets.part(from, count, copies());
    if (of_part.weight(task()) > 0) learn(images_on_device(images.narrow(0, from, count)), of_part);
  }
}

/// Tries, with the batch that was too large, what could be told to use instead.
std::string ImageTrainer::what_fits(const at::Tensor& images, const MixedTargets& targets) {
  const auto fits = [&](std::int64_t count) {
    try {
      learn(images_on_device(images.narrow(0, 0, count)), targets.part(0, count, copies()));
    } catch (const std::exception& problem) {
      if (!is_out_of_memory(problem)) throw;
      count = 0;
    }
    forget_gradients();
    empty_cache(device());
    return count > 0;
  };
  std::vector<std::string> ways;
  const std::int64_t all = images.size(0);
  std::int64_t count = all / 2;
  while (count > 0 && !fits(count)) count /= 2;
  if (count > 0)
    ways.push_back(fmt::format("a batch size of {} with accumulate: {}, or on_oom: split", count,
                               (all + count - 1) / count * options_.accumulate));
  if (!options_.checkpointing && network().checkpoint_blocks(true)) {
    if (fits(all)) ways.push_back(fmt::format("a batch size of {} with checkpointing: true", all));
    network().checkpoint_blocks(false);
  }
  return ways.empty() ? "not even one image fits; use smaller images or a smaller model"
                      : fmt::format("what fits: {}", fmt::join(ways, "; or "));
}

}  // namespace flowrun::torch_nodes
