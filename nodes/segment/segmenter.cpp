// SPDX-License-Identifier: Apache-2.0
#include "segmenter.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>
#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "nodes/torch/script_file.h"
#include "nodes/torch/script_output.h"

namespace flowrun::torch_nodes {

Segmenter::Maps Segmenter::maps(const at::Tensor& images) const {
  const c10::NoGradGuard no_grad;
  at::Tensor maps = inference.run(images).to(at::kFloat);
  if (maps.dim() != 4 || maps.size(0) != images.size(0) || maps.size(1) < 1)
    throw Error(
        fmt::format("{} gives {} numbers for images of {}, expected images x classes x rows x columns",
                    source, fmt::join(maps.sizes(), " x "), fmt::join(images.sizes(), " x ")));
  if (gives_logits) maps = maps.size(1) == 1 ? maps.sigmoid() : maps.softmax(1);
  if (maps.size(1) == 1) maps = at::cat({1 - maps, maps}, 1);
  const at::Tensor are_sound =
      maps.ge(0).logical_and(maps.le(1)).all().logical_and((maps.sum(1) - 1).abs().max() < 1e-2F);
  if (maps.size(2) != images.size(2) || maps.size(3) != images.size(3))
    maps = at::upsample_bilinear2d(maps, {images.size(2), images.size(3)}, false);
  return {maps, are_sound};
}

void Segmenter::check(const at::Tensor& are_sound) const {
  if (!are_sound.item<bool>())
    throw Error(
        fmt::format("{} gives numbers that are no probabilities of one class a pixel; say output: "
                    "logits, if they are of before the softmax",
                    source));
}

Segmenter read_segmenter(const std::filesystem::path& file, const std::string& output, std::int64_t side,
                         c10::Device device, std::optional<c10::ScalarType> half) {
  const ScriptFile script = read_script(file);
  Segmenter segmenter{.source = file.string(), .inference = inference_of(script, device, half)};
  segmenter.gives_logits = (output == "auto" ? output_by_code(script) : output) == "logits";
  const at::Tensor image = at::zeros({1, 3, side, side}, device);
  const Segmenter::Maps maps = segmenter.maps(image);  // the first call compiles
  segmenter.check(maps.are_sound);
  segmenter.classes = maps.probabilities.size(1);
  segmenter.bytes_an_image = tensor_bytes_of([&] { (void)segmenter.maps(image); });
  return segmenter;
}

}  // namespace flowrun::torch_nodes
