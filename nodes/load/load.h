// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

namespace flowrun::wsi {

/// Reads the samples of an epoch. See describe().
struct Load : Make {
  int size = 0;

  static void describe(Description<Load>& d);
  void plan(Costs& costs) override;
  Packets make(Inputs& in) override;
};

}  // namespace flowrun::wsi
