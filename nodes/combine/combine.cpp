// SPDX-License-Identifier: Apache-2.0
#include "combine.h"

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/thumbnail.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

/// The mask that both are brought to: the finer one's size.
const Mask& finer(const Mask& a, const Mask& b) {
  return a.pixels.total() >= b.pixels.total() ? a : b;
}

cv::Mat scaled_to(const Mask& mask, cv::Size size) {
  if (mask.pixels.size() == size) return mask.pixels;
  cv::Mat out;
  cv::resize(mask.pixels, out, size, 0, 0, cv::INTER_NEAREST);
  return out;
}

}  // namespace

void Combine::describe(Description<Combine>& d) {
  d.summary("Puts two tissue masks together.")
      .details(
          "intersection: tissue in both; union: in either; weighted: where the weights of the masks that say "
          "tissue come to at least min_weight, as a share of all weights. Masks of different sizes are "
          "brought to the larger one's.")
      .example("both: {type: combine, from: {a: tissue, b: tissue}, method: intersection}")
      .input<Mask>("a")
      .input<Mask>("b")
      .output<Mask>("mask");
  d.option("method", &Combine::method, "how").choices({"intersection", "union", "weighted"});
  d.option("weights", &Combine::weights, "weighted: of a and b");
  d.option("min_weight", &Combine::min_weight, "weighted: share of the weights that tissue needs")
      .above(0)
      .at_most(1);
}

void Combine::plan(Costs& costs) {
  if (weights.size() != 2 || weights[0] < 0 || weights[1] < 0 || weights[0] + weights[1] <= 0)
    throw OptionError("weights", fmt::format("[{}] are no weights of two masks", fmt::join(weights, ", ")),
                      "two numbers, not negative and not both 0");
  costs.out("mask", most_thumbnail_pixels);
  costs.scratch = most_thumbnail_pixels;
}

CallBytes Combine::bytes(const Inputs& in) const {
  const Mask &a = in.get<Mask>("a"), &b = in.get<Mask>("b");
  const std::size_t pixels = finer(a, b).pixels.total();
  return {.out = pixels, .scratch = a.pixels.size() == b.pixels.size() ? 0 : pixels};
}

void Combine::process(Inputs& in, Outputs& out) {
  const Mask &a = in.get<Mask>("a"), &b = in.get<Mask>("b");
  const Mask& base = finer(a, b);
  Mask result{{}, base.slide_width, base.slide_height};
  const cv::Mat first = scaled_to(a, base.pixels.size()), second = scaled_to(b, base.pixels.size());
  const double of_a = weights[0] / (weights[0] + weights[1]);
  const bool a_alone = method == "weighted" ? of_a >= min_weight : method == "union";
  const bool b_alone = method == "weighted" ? 1 - of_a >= min_weight : method == "union";
  if (a_alone && b_alone)
    cv::bitwise_or(first, second, result.pixels);
  else if (a_alone || b_alone)
    (a_alone ? first : second).copyTo(result.pixels);
  else
    cv::bitwise_and(first, second, result.pixels);
  out.emit("mask", std::move(result));
}

}  // namespace flowrun::wsi
