// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <optional>
#include <string>

namespace flowrun::wsi {

/// Finds tissue on a thumbnail of the slide. See describe().
struct Detect : Node {
  std::string method = "otsu";
  std::optional<int> level;
  std::optional<double> downsample;
  std::optional<double> mpp;

  static void describe(Description<Detect>& d);
  void plan(Costs& costs) override;
  std::size_t bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
