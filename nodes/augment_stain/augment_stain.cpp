// SPDX-License-Identifier: Apache-2.0
#include "augment_stain.h"

#include <flowrun/wsi/tile.h>

#include <opencv2/core.hpp>
#include <utility>

#include "nodes/base/random.h"
#include "nodes/stain/density_map.h"
#include "nodes/stain/stain_colours.h"

namespace flowrun::wsi {

void AugmentStain::describe(Description<AugmentStain>& d) {
  d.summary("Makes tiles look as if they had been stained otherwise, at random, for training.")
      .details(
          "As Tellez et al. (Medical Image Analysis 2019) do it: the concentrations of hematoxylin and of "
          "eosin (colours of Ruifrok and Johnston, 2001) are multiplied by a number from 1 - scale to 1 + "
          "scale and raised by one from -shift to shift (optical density, natural logarithm), each drawn "
          "evenly for each tile and stain; what else there is in a pixel stays. Glass changes too. What is "
          "drawn depends on the seed, on the name of the scope (slide, epoch) and on the tile's place, and "
          "on nothing else: for other changes of the same tile change the seed.")
      .example("varied: {type: augment_stain, from: tiles, scale: 0.1, shift: 0.05, seed: 7}")
      .input<Tile>("tile")
      .output<Tile>("tile");
  d.option("scale", &AugmentStain::scale, "concentrations are multiplied by 1 - this to 1 + this")
      .at_least(0)
      .at_most(1);
  d.option("shift", &AugmentStain::shift, "and raised by -this to this").at_least(0).at_most(2);
  d.option("io", &AugmentStain::io, "light that glass lets through, grey levels").above(0).at_most(1000);
  d.option("seed", &AugmentStain::seed, "what is drawn").at_least(0);
}

void AugmentStain::plan(Costs& costs) {
  costs.scratch = sizeof(DensityMap);
}

void AugmentStain::process(Inputs& in, Outputs& out) {
  Tile tile = in.take<Tile>("tile");
  rgb_of(tile);
  std::uint64_t state =
      chance_at(chance_of(static_cast<std::uint64_t>(seed), in.scope().name()), tile.x, tile.y);
  const auto drawn = [&](double most) {
    state = mix(state + splitmix_step);
    return most * (static_cast<double>(state >> 11) * 0x1p-52 - 1);  // evenly from -most to most
  };
  cv::Matx33d factors = cv::Matx33d::eye();
  cv::Vec3d raised;
  for (int stain = 0; stain < 2; ++stain) {
    factors(stain, stain) += drawn(scale);
    raised[stain] = drawn(shift);
  }
  // With add -1 what is not changed comes back as it was; half a level more rounds to the nearest.
  const cv::Matx33d colours = stain_colours();
  DensityMap(colours * factors * colours.inv(), colours * raised, io, -0.5).apply(tile.own_pixels());
  tile.untouched = false;
  out.emit("tile", std::move(tile));
}

}  // namespace flowrun::wsi
