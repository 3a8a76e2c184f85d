// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Writes what lies inside a mask as a slide of its own. See describe().
struct Overlay : Map {
  std::filesystem::path dir;
  std::optional<int> level;
  std::optional<double> mpp;
  std::optional<double> downsample;
  int quality = 85;
  std::string outside = "black";
  std::vector<std::string> only;

  static void describe(Description<Overlay>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
