// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <string>
#include <vector>

namespace flowrun::wsi {

/// Puts two tissue masks together. See describe().
struct Combine : Map {
  std::string method = "intersection";
  std::vector<double> weights{0.5, 0.5};
  double min_weight = 0.5;

  static void describe(Description<Combine>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
