// SPDX-License-Identifier: Apache-2.0
#include "nodes/mil/pooling.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>
#include <torch/csrc/autograd/autograd.h>

using namespace flowrun::torch_nodes;

namespace {

/// Largest difference, as a share of the largest number.
double difference(const at::Tensor& a, const at::Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

std::vector<at::Tensor> gradients(BagNetwork& network) {
  std::vector<at::Tensor> out;
  for (auto& [name, tensor] : network.parameters()) {
    out.push_back(tensor.grad().clone());
    tensor.mutable_grad() = at::Tensor();
  }
  return out;
}

}  // namespace

TEST_CASE("a bag's gradients block by block are those of the whole bag, with the same dropout") {
  for (const std::string kind : {"attention", "gated_attention", "mean", "max"}) {
    CAPTURE(kind);
    BagNetwork network({kind, 6, 5, 4, 0.3}, 3, 7);
    network.train(true);
    for (auto& [name, tensor] : network.parameters()) tensor.set_requires_grad(true);
    const at::Tensor bag = at::arange(6 * 23, at::kFloat).mul(0.7).sin().reshape({23, 6}) * 2;
    const std::vector<at::Tensor> blocks = bag.split(5);
    const NamedTensors random = network.random().state();
    const auto loss_of = [&](const at::Tensor& vector) { return network.logits(vector).square().sum(); };

    {  // autograd through all tiles at once
      std::vector<at::Tensor> hidden, scores;
      for (const at::Tensor& block : blocks) {
        const BagBlock embedded = network.embed(block);
        hidden.push_back(embedded.hidden);
        scores.push_back(embedded.scores);
      }
      BagBlock all{at::cat(hidden), network.model().attends() ? at::cat(scores) : at::Tensor()};
      torch::autograd::backward({loss_of(pooled(network.model(), all))}, {});
    }
    const std::vector<at::Tensor> expected = gradients(network);

    at::Tensor vector;
    Pooling pooling(network.model());
    {
      const RestoredRandom again(network.random(), random);
      const c10::NoGradGuard no_grad;
      for (const at::Tensor& block : blocks) pooling.add(network.embed(block));
      vector = pooling.pooled();
    }
    vector.requires_grad_();
    torch::autograd::backward({loss_of(vector)}, {});
    {
      const RestoredRandom again(network.random(), random);
      std::int64_t first = 0;
      for (const at::Tensor& block : blocks) {
        const BagBlock embedded = network.embed(block),
                       by = pooling.gradients(embedded, vector.grad(), first);
        first += block.size(0);
        std::vector<at::Tensor> of{embedded.hidden}, from{by.hidden};
        if (embedded.scores.defined()) of.push_back(embedded.scores), from.push_back(by.scores);
        torch::autograd::backward(of, from);
      }
    }
    const std::vector<at::Tensor> found = gradients(network);
    REQUIRE(found.size() == expected.size());
    for (std::size_t i = 0; i < found.size(); ++i) {
      if (network.parameters()[i].first.ends_with(
              "attention_c.bias"))  // softmax takes it out: 0 but for rounding
        CHECK(found[i].abs().item<double>() < 1e-6);
      else
        CHECK(difference(found[i], expected[i]) < 1e-5);
    }
  }
}

TEST_CASE("attention adds up to 1 over blocks, also of scores that exp cannot hold") {
  BagNetwork network({"attention", 1, 1, 1, 0}, 2, 0);
  Pooling pooling(network.model());
  const at::Tensor scores = at::tensor({-1000.F, 0.F, 1000.F, 1000.F, 999.F});
  const at::Tensor hidden = at::tensor({1.F, 2.F, 3.F, 5.F, 7.F}).unsqueeze(1);
  for (std::int64_t i = 0; i < 5; ++i) pooling.add({hidden.slice(0, i, i + 1), scores.slice(0, i, i + 1)});
  const double e = std::exp(-1.0), expected = (3 + 5 + 7 * e) / (2 + e);
  CHECK(pooling.attention(scores).sum().item<double>() == doctest::Approx(1));
  CHECK(pooling.pooled().item<double>() == doctest::Approx(expected));
}
