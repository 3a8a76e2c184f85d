// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun::wsi {

/// Writes a tissue or class mask of a whole slide as an image. See describe().
struct SaveMask : Map {
  std::filesystem::path dir;
  std::string format = "tiff";
  std::optional<double> downsample;

  static void describe(Description<SaveMask>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
