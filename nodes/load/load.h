// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <memory>

namespace flowrun::wsi {

/// Reads the samples of an epoch. See describe().
struct Load : Source {
  int size = 0;

  static void describe(Description<Load>& d);
  void plan(Costs& costs) override;
  std::unique_ptr<Generator> start(Inputs& in) override;
};

}  // namespace flowrun::wsi
