// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>

namespace flowrun::torch_nodes {

/// Writes features as files of CLAM, TRIDENT, STAMP or scverse. See describe().
struct SaveFeatures : GatherScopes {
  std::filesystem::path dir;
  std::string layout = "clam";
  std::string type = "auto";
  bool pt = true;
  std::optional<double> magnification;

  static void describe(Description<SaveFeatures>& d);
  void plan(Costs& costs) override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  bool halves() const { return type == "float16" || (type == "auto" && layout == "stamp"); }
};

}  // namespace flowrun::torch_nodes
