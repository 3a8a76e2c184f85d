// SPDX-License-Identifier: Apache-2.0
#include "resolution.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace flowrun::torch_nodes {

bool is_near(std::optional<double> mpp, double other, double tolerance) {
  return mpp && std::abs(*mpp / other - 1) <= tolerance;
}

void check_resolution(const wsi::Tile& tile, const Resolution& made_for) {
  if (!made_for.mpp) return;
  if (!tile.mpp)
    throw Error(fmt::format(
        "{} was made for {} microns per pixel, but the tile's are not known: give `mpp:` to the node "
        "that reads the slide",
        made_for.model, *made_for.mpp));
  const int pixels = tile.size();
  const bool scaled = made_for.input_size > 0 && made_for.input_size != pixels;
  const double given = *tile.mpp * pixels / static_cast<double>(scaled ? made_for.input_size : pixels);
  if (!is_near(given, *made_for.mpp, made_for.mpp_tolerance))
    throw Error(fmt::format(
        "{} was made for {} microns per pixel, but is given {:.4g}{}; set extract's mpp so that they "
        "agree, or {}'s mpp if it is another",
        made_for.model, *made_for.mpp, given,
        scaled ? fmt::format(" ({} pixels of {:.4g} scaled to {})", pixels, *tile.mpp, made_for.input_size)
               : "",
        made_for.node));
}

std::optional<double> mpp_of(const Batch& batch) {
  if (batch.samples.empty()) return {};
  const auto first = batch.samples.front().mpp;
  const bool all = first && std::ranges::all_of(batch.samples, [&](const SampleOrigin& sample) {
                     return is_near(sample.mpp, *first, usual_mpp_tolerance);
                   });
  return all ? first : std::nullopt;
}

}  // namespace flowrun::torch_nodes
