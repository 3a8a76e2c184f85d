// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun::wsi {

/// Writes what a model says of tiles and slides. See describe().
struct SavePredictions : GatherScopes {
  std::filesystem::path dir;
  std::optional<std::string> heat_map;
  std::string origin = "bounds";

  static void describe(Description<SavePredictions>& d);
  bool needs_content(std::string_view input, const Costs&) const override { return input != "tile"; }
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  struct SlideFiles;
};

}  // namespace flowrun::wsi
