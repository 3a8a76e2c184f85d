// SPDX-License-Identifier: Apache-2.0
#include "nodes/torch/copies.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>
#include <flowrun/error.h>

#include <chrono>
#include <thread>

#include "../fake_device.h"
#include "nodes/torch/device.h"

using namespace flowrun::torch_nodes;
using namespace flowrun::torch_nodes::test;

namespace {

const at::Tensor numbers = at::arange(6, at::kFloat);

/// What is thrown, in words.
template <class Work>
std::string told(Work&& work) {
  try {
    work();
  } catch (const flowrun::Error& problem) {
    return problem.what();
  } catch (const std::exception& problem) {
    return std::string("not ours: ") + problem.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("on the CPU nothing is copied") {
  Copies copies(c10::kCPU);
  CHECK(!copies.are_beside());
  CHECK(copies.to_device(numbers).is_same(numbers));
  CHECK(copies.to_host(numbers).get().is_same(numbers));
}

TEST_CASE("what is computed waits for what it is computed with, and comes back") {
  Copies copies("fake:0", std::make_unique<FakeDevice>(FakeDevice::Behaviour{}));
  CHECK(copies.are_beside());
  for (int i = 0; i < 5; ++i) {
    at::Tensor host = numbers + i;
    const at::Tensor there = copies.to_device(host);
    host.fill_(-1);  // the host may go on with its own
    CHECK(copies.to_host(there * 2).get().equal((numbers + i) * 2));
  }
}

TEST_CASE("memory that the device still reads is kept, and let go when it has been read") {
  const auto seen = std::make_shared<FakeDevice::Seen>();
  FakeDevice::Behaviour slow{.delay = std::chrono::milliseconds(100), .computing_waits = false};
  Copies copies("fake:0", std::make_unique<FakeDevice>(slow, seen));
  const at::Tensor first = copies.to_device(numbers), second = copies.to_device(numbers + 1);
  CHECK(seen->waits == 2);
  CHECK(seen->let_go == 0);
  while (!first.equal(numbers) || !second.equal(numbers + 1)) std::this_thread::yield();
  // The second's end is told a little after its last byte.
  at::Tensor later;
  do later = copies.to_device(numbers + 2);
  while (seen->let_go < 2);
  CHECK(first.equal(numbers));
  CHECK(second.equal(numbers + 1));
}

TEST_CASE("a device that fails is named, wherever it is noticed") {
  FakeDevice::Behaviour failing{.before_upload = [](int) { device_failure(); },
                                .before_download = [](int) { device_failure(); }};
  Copies copies("fake:0", std::make_unique<FakeDevice>(failing));
  const std::string expected = "fake:0 failed: CUDA error: an illegal memory access was encountered";
  CHECK(told([&] { copies.to_device(numbers); }) == expected);
  CHECK(told([&] { copies.to_host(numbers).get(); }) == expected);
}

TEST_CASE("memory that is not enough stays known as that") {
  FakeDevice::Behaviour full{.before_upload = [](int) { out_of_memory(); }};
  Copies copies("fake:0", std::make_unique<FakeDevice>(full));
  try {
    copies.to_device(numbers);
    FAIL("nothing was thrown");
  } catch (const std::exception& problem) {
    CHECK(is_out_of_memory(problem));
  }
}
