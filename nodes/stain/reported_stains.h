// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/outputs.h>

#include "reinhard.h"
#include "stains.h"

namespace flowrun::wsi {

/// Of a slide, to the run's report: how much there is of each stain, and where its colour lies; with its red
/// and blue its green is told.
void report_slide(const Stains& stains, Outputs& out);
/// The same of Reinhard's method: mean and deviation in the three channels of its colour space.
void report_slide(const LabMoments& lab, Outputs& out);
/// How much there is of each stain in a tile: histograms of all tiles.
void report_tile(const Stains& stains, Outputs& out);

}  // namespace flowrun::wsi
