// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/tile.h>

#include "focus.h"
#include "nodes.h"

using flowrun::wsi::Tile;

void FocusFilter::describe(flowrun::Description<FocusFilter>& d) {
  d.summary("Drops tiles that are out of focus.")
      .details("Sharpness is the variance of the Laplacian (Pech-Pacheco et al., 2000).")
      .example("sharp: {type: focus_filter, from: tiles, min_sharpness: 100}")
      .input<Tile>("tile")
      .output<Tile>("tile");
  d.option("min_sharpness", &FocusFilter::min_sharpness, "variance of the Laplacian that a tile needs")
      .at_least(0);
}

void FocusFilter::plan(flowrun::Costs& costs) {
  costs.scratch = sharpness_scratch(costs.in("tile"));
  costs.forwards("tile");
}

void FocusFilter::process(flowrun::Inputs& in, flowrun::Outputs& out) {
  if (sharpness(in.get<Tile>("tile").pixels) < min_sharpness) return out.drop("blurred");
  out.forward("tile");
}
