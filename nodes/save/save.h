// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <string>

namespace flowrun::wsi {

/// Writes tiles as image files with a table of them. See describe().
struct Save : Write {
  std::filesystem::path dir;
  std::string format = "png";
  int quality = 90;
  std::string effort = "fast";
  bool passthrough = true;
  std::string table = "csv";

  static void describe(Description<Save>& d);
  bool needs_content(std::string_view input, const Costs& costs) const override;
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
};

}  // namespace flowrun::wsi
