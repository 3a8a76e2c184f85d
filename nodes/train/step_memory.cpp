// SPDX-License-Identifier: Apache-2.0
#include "step_memory.h"

#include <ATen/ATen.h>
#include <flowrun/torch/batch.h>

#include <algorithm>
#include <limits>

#include "image_trainer.h"
#include "nodes/torch/device.h"
#include "nodes/torch/tensor_memory.h"

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

}  // namespace

StepMemory measure_step(const ImageTrainingOptions& options, std::int64_t outputs, std::int64_t side) {
  ImageTrainingOptions as_given = options;
  as_given.weights.reset();
  as_given.class_weights.clear();
  as_given.device = "cpu";
  if (as_given.precision == "fp16") as_given.precision = "bf16";  // which is as wide
  // Gradients are there already when it is measured, and no step is taken: both would hide activations.
  as_given.accumulate = std::numeric_limits<int>::max();
  // Of one image batch normalisation may have no variance, and libtorch takes other kernels.
  constexpr std::int64_t images = 2;
  const Batch few = patterned(images, outputs, side), twice = patterned(2 * images, outputs, side);
  PeakOfTensors peak;
  ImageTrainer trainer(as_given, few, Copies(c10::kCPU));
  trainer.take(few);
  const auto peak_of = [&](const Batch& batch) {
    peak.reset();
    trainer.take(batch);
    return peak.bytes();
  };
  const std::size_t of_few = peak_of(few), of_twice = std::max(of_few, peak_of(twice));
  const std::size_t of_images = std::min(of_few, of_twice - of_few);
  return {of_few - of_images, of_images / static_cast<std::size_t>(images)};
}

void add_training(const StepMemory& step, std::size_t of_optimizer, BatchShape batch,
                  Costs::OnDevice& on_device) {
  on_device.fixed += with_surroundings(step.fixed + of_optimizer);
  on_device.per_sample +=
      with_surroundings(step.per_image) + image_copies(static_cast<std::size_t>(batch.side * batch.side));
  on_device.batch = static_cast<std::size_t>(batch.images);
}

}  // namespace flowrun::torch_nodes
