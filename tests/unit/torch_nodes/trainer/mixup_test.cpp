// SPDX-License-Identifier: Apache-2.0
#include "nodes/trainer/mixup.h"

#include <ATen/ATen.h>
#include <doctest/doctest.h>

#include <cmath>

using namespace flowrun::torch_nodes;

TEST_CASE("shares of mixed images are Beta's") {
  for (const double alpha : {0.05, 0.2, 1.0, 8.0}) {
    CAPTURE(alpha);
    const RandomSource random(3);
    constexpr int draws = 20000;
    double sum = 0, squares = 0;
    for (int i = 0; i < draws; ++i) {
      const double share = Mixing::drawn(alpha, 2, random).share;
      CHECK(share >= 0);
      CHECK(share <= 1);
      sum += share, squares += share * share;
    }
    const double mean = sum / draws, variance = squares / draws - mean * mean;
    const double wanted = 1 / (4 * (2 * alpha + 1));  // of Beta(alpha, alpha)
    CHECK(std::abs(mean - 0.5) < 4 * std::sqrt(wanted / draws));
    CHECK(std::abs(variance / wanted - 1) < 0.05);
  }
}

TEST_CASE("images are mixed with those of a permutation that is drawn anew") {
  const RandomSource random(5), again(5);
  const at::Tensor images = at::arange(24, at::kFloat).reshape({6, 4});
  at::Tensor before;
  for (int i = 0; i < 3; ++i) {
    const Mixing mixing = Mixing::drawn(0.4, 6, random), same = Mixing::drawn(0.4, 6, again);
    CHECK(mixing.share == same.share);
    CHECK(mixing.others.equal(same.others));
    CHECK(std::get<0>(mixing.others.sort()).equal(at::arange(6, at::kLong)));
    if (before.defined()) CHECK_FALSE(before.equal(mixing.others));
    before = mixing.others;
    const at::Tensor mixed = mixing.mixed(images);
    for (std::int64_t row = 0; row < 6; ++row)
      for (std::int64_t column = 0; column < 4; ++column) {
        const auto other = mixing.others[row].item<std::int64_t>();
        const double wanted = mixing.share * static_cast<double>(4 * row + column) +
                              (1 - mixing.share) * static_cast<double>(4 * other + column);
        CHECK(mixed[row][column].item<double>() == doctest::Approx(wanted));
      }
  }
}

TEST_CASE("what is told of a training with mixed images is added up as doubles") {
  TrainingOptions options;
  const auto task = make_classification(options, {"a", "b"}, {});
  Mixing mixing;
  mixing.share = 0.7;
  mixing.others = at::tensor({1, 0, 2}, at::kLong);
  Copies copies(c10::kCPU);
  const MixedTargets targets(*task, at::tensor({0, 1, 1}, at::kLong), mixing);
  const at::Tensor outputs = at::tensor({1.0F, 0.0F, 1.0F, 0.0F, 0.0F, 1.0F}).reshape({3, 2});
  // Of their own labels the first and the last are right, of the others' the second and the last.
  const at::Tensor sum = targets.part(0, 3, copies).training_sum(*task, outputs);
  CHECK(sum.item<double>() == 0.7 * 2 + (1 - 0.7) * 2);
}
