// SPDX-License-Identifier: Apache-2.0
// A training on a device that works beside the host is the training on the CPU, and what goes wrong is told
// as there.
#include "nodes/train/image_trainer.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/error.h>
#include <flowrun/testing.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "../fake_device.h"

using namespace flowrun::torch_nodes;
using namespace flowrun::torch_nodes::test;

namespace {

ImageTrainingOptions options_of() {
  ImageTrainingOptions options;
  options.model.text = "resnet18";
  options.device = "cpu";  // where the fake device's memory is
  options.class_weights = {"0.5", "1.5"};
  return options;
}

Batch batch_of(int number, bool validation = false) {
  constexpr std::int64_t images = 4, side = 64;
  Batch batch;
  batch.images = (at::arange(images * 3 * side * side, at::kFloat) * (number + 1))
                     .sin_()
                     .reshape({images, 3, side, side});
  batch.labels = at::arange(images, at::kLong).add_(number).remainder_(2);
  batch.classes = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"a", "b"});
  batch.samples.resize(images);
  batch.validation = validation;
  batch.epochs = 2;
  batch.training_batches = 3;
  return batch;
}

Copies fake(FakeDevice::Behaviour behaviour = {}) {
  return Copies("fake:0", std::make_unique<FakeDevice>(std::move(behaviour)));
}

/// The checkpoint after an epoch of three batches and two of validation.
std::string trained(const ImageTrainingOptions& options, Copies copies) {
  ImageTrainer trainer(options, batch_of(0), std::move(copies));
  for (int i = 0; i < 3; ++i) trainer.take(batch_of(i));
  for (int i = 3; i < 5; ++i) trainer.take(batch_of(i, true));
  trainer.end();
  const flowrun::testing::TemporaryFolder folder;
  trainer.save(folder / "last.pt");
  std::ifstream in(folder / "last.pt", std::ios::binary);
  std::stringstream bytes;
  bytes << in.rdbuf();
  return bytes.str();
}

/// What an epoch says of a batch of no numbers, and after how many batches; its end counts as one more.
std::pair<std::string, int> told_of_bad(int bad, Copies copies) {
  ImageTrainer trainer(options_of(), batch_of(0), std::move(copies));
  int given = 0;
  try {
    for (; given < 3; ++given) {
      Batch batch = batch_of(given);
      if (given == bad) batch.images.fill_(std::numeric_limits<float>::quiet_NaN());
      trainer.take(batch);
    }
    trainer.end();
  } catch (const flowrun::Error& problem) {
    return {problem.what(), given};
  }
  return {"nothing", given};
}

/// The memory of the device is not enough for some of what is uploaded: of each batch or part first its
/// labels, then its images.
FakeDevice::Behaviour full_at(std::vector<int> uploads) {
  return {.before_upload = [uploads](int number) {
    if (std::ranges::find(uploads, number) != uploads.end()) out_of_memory();
  }};
}

}  // namespace

TEST_CASE("a device that works beside the host trains what the CPU trains, bit by bit") {
  ImageTrainingOptions options = options_of();
  SUBCASE("as it is") {}
  SUBCASE("with gradients that are clipped") {
    options.clip_norm = 0.01;
  }
  SUBCASE("with mixed images, several batches a step, and an average of weights") {
    options.mixup = 0.4;
    options.accumulate = 2;
    options.ema = 0.9;
  }
  SUBCASE("with calibrated probabilities") {
    options.calibrate = true;
  }
  const std::string on_cpu = trained(options, Copies(c10::kCPU)), on_device = trained(options, fake());
  CHECK(on_cpu.size() > 1'000'000);
  CHECK(on_cpu == on_device);
}

TEST_CASE(
    "the first batch whose loss is no number is named, on a device when the next one has been given to it") {
  for (const int bad : {0, 1, 2}) {
    CAPTURE(bad);
    const auto [on_cpu, at_once] = told_of_bad(bad, Copies(c10::kCPU));
    const auto [on_device, later] = told_of_bad(bad, fake());
    CHECK(on_cpu.find("the loss is nan in epoch 1, batch " + std::to_string(bad + 1)) == 0);
    CHECK(on_device == on_cpu);
    CHECK(at_once == bad);
    CHECK(later == bad + 1);  // and before the epoch ends
  }
}

TEST_CASE(
    "memory of a device that is not enough in the middle of a batch begins it anew in parts, counted once") {
  ImageTrainingOptions options = options_of();
  options.on_oom = "split";
  // The second batch is split, and then its second part once more.
  ImageTrainer trainer(options, batch_of(0), fake(full_at({4, 8})));
  for (int i = 0; i < 3; ++i) trainer.take(batch_of(i));
  trainer.end();
  const auto notes = trainer.take_notes();
  REQUIRE(notes.size() == 2);
  CHECK(notes[0].find("out of memory with 4 images at once: went on with 2") == 0);
  CHECK(notes[1].find("out of memory with 2 images at once: went on with 1") == 0);
  const double right = trainer.history().rows().back().at("train_accuracy").get<double>() * 12;
  CHECK(right > 0.5);
  CHECK(right < 11.5);
  CHECK(std::abs(right - std::round(right)) < 1e-9);  // of twelve images
}

TEST_CASE(
    "memory of a device that is not enough ends the epoch with what would be, where nothing else is wanted") {
  ImageTrainer trainer(options_of(), batch_of(0), fake(full_at({4})));
  trainer.take(batch_of(0));
  std::string said;
  try {
    trainer.take(batch_of(1));
  } catch (const flowrun::Error& problem) {
    said = problem.what();
  }
  CHECK(said.find("out of memory with 4 images of 64 x 64 pixels at once: CUDA out of memory") == 0);
  CHECK(said.find("what fits: a batch size of 2 with accumulate: 2, or on_oom: split") != std::string::npos);
}

TEST_CASE("a device that fails in a step ends it, and is named") {
  const std::string expected = "fake:0 failed: CUDA error: an illegal memory access was encountered";
  const auto told = [](FakeDevice::Behaviour behaviour) -> std::string {
    try {
      trained(options_of(), fake(std::move(behaviour)));
    } catch (const flowrun::Error& problem) {
      return problem.what();
    }
    return "nothing";
  };
  CHECK(told({.before_upload = [](int number) {
          if (number == 4) device_failure();
        }}) == expected);
  CHECK(told({.before_download = [](int number) {
          if (number == 2) device_failure();
        }}) == expected);
  CHECK(told({}) == "nothing");
}
