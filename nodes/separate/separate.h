// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "separation.h"

namespace flowrun::wsi {

/// Gives each stain as a picture of its own. See describe().
struct Separate : Map {
  std::string stains = "h&e";
  std::optional<std::filesystem::path> matrix;
  double io = 240, beta = 0.15, positive_od = 0.46;

  static void describe(Description<Separate>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;

 private:
  std::optional<Separation> separation_;  ///< set by plan()
};

}  // namespace flowrun::wsi
