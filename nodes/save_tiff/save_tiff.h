// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun::wsi {

/// Writes a slide as a pyramidal TIFF. See describe().
struct SaveTiff : Write {
  std::filesystem::path dir;
  std::optional<int> level;
  std::optional<double> mpp;
  std::optional<double> downsample;
  std::string compression = "jpeg";
  int quality = 85;

  static void describe(Description<SaveTiff>& d);
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
