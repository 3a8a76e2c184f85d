// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <optional>
#include <string>

namespace flowrun::wsi {

/// Cuts a slide into tiles. See describe().
struct Extract : Source {
  int size = 512;
  std::optional<int> stride;
  std::optional<int> level;
  std::optional<double> mpp;
  double min_coverage = 0.1;
  std::string edge = "drop";

  static void describe(Description<Extract>& d);
  void plan(Costs& costs) override;
  std::unique_ptr<Generator> start(Inputs& in) override;
};

}  // namespace flowrun::wsi
