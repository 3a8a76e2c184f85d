// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Opens slides, one scope each. See describe().
struct Read : Open {
  std::vector<std::filesystem::path> path;
  std::optional<double> mpp;
  std::string backend = "auto", color = "stored";

  static void describe(Description<Read>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;
};

}  // namespace flowrun::wsi
