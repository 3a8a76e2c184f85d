// SPDX-License-Identifier: Apache-2.0
#include "predictor.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "nodes/torch/pieces.h"
#include "nodes/torch/predictions.h"

namespace flowrun::torch_nodes {
namespace {

std::vector<double> listed(const std::array<double, 3>& numbers) {
  return {numbers.begin(), numbers.end()};
}

}  // namespace

Predictor::Predictor(Model model, c10::Device device, std::optional<c10::ScalarType> half, int symmetries)
    : facts_(std::move(model.facts)),
      device_(device),
      queue_(device),
      inference_([&] {
        Inference loaded;
        queue_.run([&] { loaded = inference_of(std::move(model.network), Wanted::outputs, device, half); });
        return loaded;
      }()),
      symmetries_(symmetries),
      normalisation_(listed(facts_.mean), listed(facts_.std)) {}

std::size_t Predictor::bytes_of(std::int64_t images, std::int64_t side) const {
  return tensor_bytes_of([&] { predictions_of_images(at::zeros({images, 3, side, side})); });
}

at::Tensor Predictor::predictions_of_images(const at::Tensor& images) const {
  return queue_
      .compute(images, [&](const at::Tensor& there) { return std::vector{mean_of_symmetries(there)}; })
      .front();
}

/// All on the device.
at::Tensor Predictor::mean_of_symmetries(const at::Tensor& images) const {
  if (symmetries_ > 4 && images.size(2) != images.size(3))
    throw Error(fmt::format("tiles of {} x {} pixels cannot be turned: set test_time_augmentation to flips",
                            images.size(3), images.size(2)));
  at::Tensor sum = predictions_of_these(images);
  for (int symmetry = 1; symmetry < symmetries_; ++symmetry) {
    at::Tensor seen = symmetry & 4 ? images.transpose(2, 3) : images;
    if (symmetry & 1) seen = seen.flip(3);
    if (symmetry & 2) seen = seen.flip(2);
    sum = sum + predictions_of_these(seen.contiguous());  // what a module gives may be its own
  }
  return symmetries_ > 1 ? sum / symmetries_ : sum;
}

at::Tensor Predictor::predictions_of_these(const at::Tensor& images) const {
  const c10::NoGradGuard no_grad;
  const at::Tensor outputs = inference_.run(images);
  const ModelFacts& of = facts_;
  const auto count = static_cast<std::int64_t>(of.classes.size());
  if (outputs.dim() != 2 || outputs.size(1) != count)
    throw Error(fmt::format("the model gives {} numbers for a tile, but there are {} {}",
                            outputs.dim() == 2 ? outputs.size(1) : outputs.numel() / images.size(0), count,
                            of.task == "classification" ? "classes" : "names of outputs"));
  if (outputs.size(0) != images.size(0))
    throw Error(
        fmt::format("the model gives {} predictions for {} tiles; set batch: 1 if it takes one image only",
                    outputs.size(0), images.size(0)));
  // A module of labels may end in the sigmoid itself.
  const bool done = of.task == "multilabel" && of.output == "probabilities";
  const at::Tensor said =
      done && of.temperatures.empty()
          ? outputs.to(at::kFloat)
          : predictions_of(of.task,
                           calibrated(done ? at::logit(outputs.to(at::kFloat)) : outputs, of.temperatures));
  return said.contiguous();
}

at::Tensor Predictor::predictions(Tiles tiles, int at_once, const Scope& scope) const {
  const auto count = static_cast<std::int64_t>(tiles.size());
  const cv::Mat& first = wsi::rgb_of(*tiles.front());
  const at::Tensor images = queue_.images({count, 3, first.rows, first.cols});
  const auto normalise = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      normalisation_.write(wsi::rgb_of(*tiles[static_cast<std::size_t>(i)]), images[i].data_ptr<float>());
  };
  if (!device_.is_cpu())
    return in_pieces(count, 1, at_once, scope, normalise) ? predictions_of_images(images) : at::Tensor();
  std::vector<at::Tensor> parts(static_cast<std::size_t>((count + images_a_thread - 1) / images_a_thread));
  const bool whole =
      in_pieces(count, images_a_thread, at_once, scope, [&](std::int64_t begin, std::int64_t end) {
        normalise(begin, end);
        parts[static_cast<std::size_t>(begin / images_a_thread)] =
            predictions_of_images(images.slice(0, begin, end));
      });
  return whole ? at::cat(parts) : at::Tensor();
}

}  // namespace flowrun::torch_nodes
