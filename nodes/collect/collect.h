// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace flowrun::wsi {

/// Moves slides out of nested folders, then opens them, one scope each. See describe().
struct Collect : Open {
  std::filesystem::path source;
  std::filesystem::path slides;
  std::optional<std::filesystem::path> logs;
  std::vector<std::string> extensions;
  std::optional<double> mpp;
  std::string backend = "auto", color = "stored";

  static void describe(Description<Collect>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;
};

}  // namespace flowrun::wsi
