// SPDX-License-Identifier: Apache-2.0
#include "nodes/torch/model_queue.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "../fake_device.h"

using namespace flowrun::torch_nodes;
using namespace flowrun::torch_nodes::test;

namespace {

at::Tensor batch(int number) {
  return at::full({2, 3, 4, 4}, number, at::kFloat);
}

}  // namespace

TEST_CASE("on the CPU the caller computes") {
  ModelQueue queue(c10::Device(c10::kCPU));
  std::thread::id computed_by;
  const auto out = queue.compute(batch(3), [&](const at::Tensor& images) {
    computed_by = std::this_thread::get_id();
    return std::vector{images.sum()};
  });
  CHECK(computed_by == std::this_thread::get_id());
  CHECK(out.front().item<float>() == 3 * 96);
}

TEST_CASE(
    "batches of many threads are computed on one thread, each with its own images, two on the device at "
    "most") {
  const auto seen = std::make_shared<FakeDevice::Seen>();
  ModelQueue queue("fake:0", std::make_unique<FakeDevice>(FakeDevice::Behaviour{}, seen));
  std::set<std::thread::id> computed_by;  // by one thread at a time
  std::atomic<int> wrong = 0, most = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 6; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 10; ++i) {
        const int number = thread * 10 + i;
        const auto out = queue.compute(batch(number), [&](const at::Tensor& images) {
          computed_by.insert(std::this_thread::get_id());
          const int given = seen->uploads - seen->downloads / 2;
          most = std::max(most.load(), given);
          return std::vector{images * 2, images.sum()};
        });
        if (!out.at(0).equal(batch(number) * 2) ||
            out.at(1).item<float>() != 96.0F * static_cast<float>(number))
          ++wrong;
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(computed_by.size() == 1);
  CHECK(!computed_by.contains(std::this_thread::get_id()));
  CHECK(most <= 2);
  CHECK(seen->uploads == 60);
}

TEST_CASE("a batch that fails leaves room for the next ones; a device that fails is named in all of them") {
  FakeDevice::Behaviour behaviour{.before_download = [](int number) {
    if (number > 1) device_failure();
  }};
  ModelQueue queue("fake:0", std::make_unique<FakeDevice>(behaviour));
  const auto told = [&](const auto& compute) -> std::string {
    try {
      queue.compute(batch(1), compute);
    } catch (const std::exception& problem) {
      return problem.what();
    }
    return "nothing";
  };
  for (int i = 0; i < 5; ++i)
    CHECK(told([](const at::Tensor&) -> ModelQueue::Tensors { throw flowrun::Error("no such layer"); }) ==
          "no such layer");
  const auto same = [](const at::Tensor& images) { return ModelQueue::Tensors{images}; };
  CHECK(told(same) == "nothing");
  for (int i = 0; i < 5; ++i)
    CHECK(told(same) == "fake:0 failed: CUDA error: an illegal memory access was encountered");
  CHECK(told([](const at::Tensor&) {
          device_failure();
          return ModelQueue::Tensors{};
        }) == "fake:0 failed: CUDA error: an illegal memory access was encountered");
  CHECK(
      told([](const at::Tensor&) -> ModelQueue::Tensors {
        throw std::runtime_error("CUDA out of memory. Tried to allocate 2 GiB\nframe #0: malloc");
      }) ==
      "the memory of fake:0 is not enough for 2 images at once: CUDA out of memory. Tried to allocate 2 GiB; "
      "lower batch, or raise device_memory");
}
