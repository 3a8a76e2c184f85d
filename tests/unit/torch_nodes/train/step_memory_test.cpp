// SPDX-License-Identifier: Apache-2.0
#include "nodes/train/step_memory.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/torch/network.h>

using namespace flowrun::torch_nodes;

namespace {

ImageTrainingOptions options_of(const std::string& precision, const std::string& device) {
  ImageTrainingOptions options;
  options.model.text = "resnet18";
  options.precision = precision;
  options.device = device;
  return options;
}

std::size_t weight_bytes() {
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : make_network("resnet18", 2)->parameters()) bytes += tensor.nbytes();
  return bytes;
}

}  // namespace

TEST_CASE("a step is measured on the CPU, whatever device it is for, and half precision as half") {
  constexpr std::int64_t side = 64;
  const StepMemory on_cpu = measure_step(options_of("fp32", "cpu"), 2, side);
  const StepMemory for_gpu = measure_step(options_of("fp32", "cuda:0"), 2, side);
  const StepMemory in_half = measure_step(options_of("fp16", "cuda:0"), 2, side);
  CHECK(for_gpu.fixed == on_cpu.fixed);
  CHECK(for_gpu.per_image == on_cpu.per_image);
  CHECK(on_cpu.fixed >= 2 * weight_bytes());  // with gradients
  CHECK(in_half.per_image < on_cpu.per_image);
}

TEST_CASE("what a training keeps on a device grows by a batch's images, and has the optimizer's state") {
  const StepMemory step{100'000'000, 10'000'000};
  flowrun::Costs::OnDevice small, large;
  add_training(step, 50'000'000, {8, 224}, small);
  add_training(step, 50'000'000, {16, 224}, large);
  CHECK(small.fixed >= 150'000'000);
  CHECK(small.fixed == large.fixed);
  CHECK(small.batch == 8);
  // Activations, the image, and one of the next batch.
  CHECK(small.per_sample >= 10'000'000 + 2 * 224 * 224 * 3 * sizeof(float));
  CHECK(large.bytes() - small.bytes() == 8 * small.per_sample);
}
