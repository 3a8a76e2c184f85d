// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <string>

namespace flowrun::wsi {

/// Writes the outlines of tissue and of classes as annotations that QuPath shows on the slide. See
/// describe().
struct SaveOutlines : Map {
  std::filesystem::path dir;
  double min_area = 0;
  double min_hole_area = 0;
  std::string origin = "bounds";

  static void describe(Description<SaveOutlines>& d);
  void plan(Costs& costs) override;
  CallBytes bytes(const Inputs& in) const override;
  void process(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
