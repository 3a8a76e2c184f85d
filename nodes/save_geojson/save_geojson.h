// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <string>

namespace flowrun::wsi {

/// Writes tiles as squares that QuPath shows on the slide. See describe().
struct SaveGeojson : Write {
  std::filesystem::path dir;
  std::string objects = "detection";
  std::string origin = "bounds";

  static void describe(Description<SaveGeojson>& d);
  bool needs_content(std::string_view input, const Costs&) const override { return input != "tile"; }
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
