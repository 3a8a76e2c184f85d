// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <string>

namespace flowrun::wsi {

/// Writes a slide as a DeepZoom image. See describe().
struct SaveDzi : Map {
  std::filesystem::path dir;
  int tile_size = 254;
  int overlap = 1;
  std::string format = "jpeg";
  int quality = 75;

  static void describe(Description<SaveDzi>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
