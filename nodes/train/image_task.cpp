// SPDX-License-Identifier: Apache-2.0
#include "image_task.h"

#include <ATen/ATen.h>
#include <flowrun/error.h>
#include <fmt/format.h>

namespace flowrun::torch_nodes {
namespace {

const std::vector<std::string>& target_names(const Batch& first) {
  if (!first.target_names)
    throw Error(
        "samples have no targets; name the columns of the table that are to be predicted: `targets` of the "
        "node of type epochs");
  return *first.target_names;
}

at::Tensor checked_labels(const Batch& batch, std::int64_t classes) {
  const std::int64_t low = batch.labels.min().item<std::int64_t>(),
                     high = batch.labels.max().item<std::int64_t>();
  if (low < 0 || high >= classes)
    throw Error(fmt::format("label {} is out of range: there are the classes 0 to {}", low < 0 ? low : high,
                            classes - 1));
  return batch.labels;
}

std::string sample_text(const SampleOrigin& sample) {
  if (!sample.path.empty()) return sample.path;
  return fmt::format("{}, x {}, y {}", sample.slide, sample.x, sample.y);
}

/// Of labels that a sample has, or has not.
void check_zeros_and_ones(const Task& task, const Batch& batch) {
  const at::Tensor& targets = batch.targets;
  const at::Tensor wrong = targets.ne(0).logical_and(targets.ne(1)).nonzero();
  if (wrong.size(0) == 0) return;
  const auto row = wrong[0][0].item<std::int64_t>(), label = wrong[0][1].item<std::int64_t>();
  const auto i = static_cast<std::size_t>(row);
  throw Error(fmt::format("{}: '{}' is {}, expected 1 or 0: has the label, or has it not",
                          i < batch.samples.size() ? sample_text(batch.samples[i]) : "a sample",
                          task.outputs()[static_cast<std::size_t>(label)],
                          targets[row][label].item<float>()));
}

}  // namespace

std::unique_ptr<Task> make_task(const TrainingOptions& options, const Batch& first) {
  if (options.task == "multilabel") return make_multilabel(target_names(first));
  if (options.task == "regression") return make_regression(options, target_names(first));
  return make_classification(options, *first.classes,
                             first.class_draws ? *first.class_draws : std::vector<std::uint64_t>{});
}

at::Tensor targets_of(const Task& task, const Batch& batch) {
  const auto count = static_cast<std::int64_t>(task.outputs().size());
  if (task.name() == "classification") return checked_labels(batch, count);
  if (!batch.targets.defined() || batch.targets.dim() != 2 || batch.targets.size(0) != batch.images.size(0) ||
      batch.targets.size(1) != count)
    throw Error(fmt::format("a batch has no {} targets for each of its samples", count));
  if (task.name() == "multilabel") check_zeros_and_ones(task, batch);
  return batch.targets;
}

}  // namespace flowrun::torch_nodes
