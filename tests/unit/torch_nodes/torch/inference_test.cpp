// SPDX-License-Identifier: Apache-2.0
// Against the network as it is trained, in torch's own layout and with batch normalisation.
#include "nodes/torch/inference.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <doctest/doctest.h>
#include <flowrun/torch/network.h>

using namespace flowrun::torch_nodes;

namespace {

/// With running statistics and weights of batch normalisation that are not the first ones.
std::shared_ptr<Network> network_of(const std::string& architecture) {
  std::shared_ptr<Network> network = make_network(architecture, 3, 7);
  network->train(false);
  const c10::NoGradGuard no_grad;
  double shift = 0;
  for (auto& [name, tensor] : network->state())
    if (tensor.dim() == 1 && tensor.is_floating_point())
      tensor.add_(at::arange(tensor.numel(), at::kFloat).add(++shift).sin_(), 0.2);
  return network;
}

at::Tensor images(std::int64_t count, std::int64_t rows, std::int64_t columns) {
  return at::arange(count * 3 * rows * columns, at::kFloat).sin_().reshape({count, 3, rows, columns});
}

double apart(const at::Tensor& found, const at::Tensor& wanted) {
  return ((found.to(at::kFloat) - wanted).abs().max() / wanted.abs().max()).item<double>();
}

}  // namespace

TEST_CASE("a network that trains no more says what it said, in the layout that is fastest") {
  const c10::NoGradGuard no_grad;
  for (const std::string& architecture : architectures()) {
    CAPTURE(architecture);
    const std::shared_ptr<Network> plain = network_of(architecture);
    for (const auto half : {std::optional<c10::ScalarType>(), std::optional(at::kBFloat16)}) {
      CAPTURE(half.has_value());
      const double near = half ? 0.05 : 1e-5;
      const Inference outputs = inference_of(network_of(architecture), Wanted::outputs, at::kCPU, half);
      const Inference features = inference_of(network_of(architecture), Wanted::features, at::kCPU, half);
      // One image, several, and sides that no stride divides.
      for (const at::Tensor& x : {images(1, 64, 64), images(3, 64, 64), images(2, 75, 97)}) {
        CHECK(apart(outputs.run(x), plain->forward(x)) < near);
        CHECK(apart(features.run(x), plain->features(x)) < near);
      }
    }
  }
}

TEST_CASE("what a network takes in oneDNN's layout is measured") {
  const c10::NoGradGuard no_grad;
  const Inference inference = inference_of(network_of("resnet18"), Wanted::outputs, at::kCPU, {});
  const std::int64_t first_layer = std::int64_t{64} * 64 * 64 * 4;  // bytes, of an image of 128 x 128
  const auto bytes_of = [&](std::int64_t count) {
    return tensor_bytes_of([&] { inference.run(images(count, 128, 128)); });
  };
  CHECK(bytes_of(2) >= static_cast<std::size_t>(2 * first_layer));
  CHECK(bytes_of(4) - bytes_of(2) >= static_cast<std::size_t>(2 * first_layer));
  CHECK(bytes_of(4) <= static_cast<std::size_t>(4 * 4 * first_layer));
}
