// SPDX-License-Identifier: Apache-2.0
#include "step_memory.h"

#include <ATen/ATen.h>
#include <flowrun/torch/batch.h>

#include <algorithm>
#include <optional>

#include "nodes/torch/tensor_memory.h"
#include "task.h"
#include "trainer.h"

namespace flowrun::torch_nodes {
namespace {

/// Images with a pattern, as normalisation makes no numbers of a plain one, whose targets are 0.
Batch patterned(std::int64_t images, std::int64_t outputs, std::int64_t side) {
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < outputs; ++i) names.push_back(std::to_string(i));
  Batch batch;
  batch.images = at::arange(images * 3 * side * side, at::kFloat).sin_().reshape({images, 3, side, side});
  batch.labels = at::zeros({images}, at::kLong);
  batch.targets = at::zeros({images, outputs});
  batch.classes = batch.target_names = std::make_shared<const std::vector<std::string>>(std::move(names));
  return batch;
}

/// Nothing when the model cannot take the fewer images.
std::optional<StepMemory> measured(const TrainingOptions& options, std::int64_t outputs, std::int64_t side,
                                   std::int64_t images) {
  const Batch few = patterned(images, outputs, side), twice = patterned(2 * images, outputs, side);
  PeakOfTensors peak;
  Trainer trainer(options, make_task(options, few), few);
  const auto step = [&](const Batch& batch) {
    peak.reset();
    for (int i = 0; i < options.accumulate; ++i) trainer.take(batch);
    return peak.bytes();
  };
  step(few);  // after it the optimizer has all that it keeps
  if (!trainer.take_notes().empty()) return {};
  const std::size_t of_few = step(few), of_twice = std::max(of_few, step(twice));
  const std::size_t of_images = std::min(of_few, of_twice - of_few);
  return StepMemory{of_few - of_images, of_images / static_cast<std::size_t>(images)};
}

}  // namespace

StepMemory measure_step(const TrainingOptions& options, std::int64_t outputs, std::int64_t side) {
  TrainingOptions as_given = options;
  as_given.weights.reset();
  as_given.class_weights.clear();
  as_given.schedule = "constant";  // and hardly a step, or else random weights may leave what is finite
  as_given.warmup_epochs = 0;
  as_given.learning_rate = 1e-20;
  // Gradients that are added up are there while the next ones are made.
  as_given.accumulate = std::min(options.accumulate, 2);
  if (const auto step = measured(as_given, outputs, side, 1)) return *step;
  return measured(as_given, outputs, side, 2).value();
}

}  // namespace flowrun::torch_nodes
