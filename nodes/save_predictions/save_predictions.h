// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun::wsi {

/// Writes what a model says of tiles and slides. See describe().
struct SavePredictions : Node {
  std::filesystem::path dir;
  std::optional<std::string> heat_map;

  static void describe(Description<SavePredictions>& d);
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;

 private:
  struct SlideFiles;
  void finish_run(Inputs& in) const;
};

}  // namespace flowrun::wsi
