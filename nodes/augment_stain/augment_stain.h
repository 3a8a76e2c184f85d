// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>

#include "nodes/stain/stains.h"

namespace flowrun::wsi {

/// Makes tiles look as if they had been stained otherwise, at random. See describe().
struct AugmentStain : Map {
  double scale = 0.2, shift = 0.2, io = 240;
  std::int64_t seed = 0;

  static void describe(Description<AugmentStain>& d);
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
