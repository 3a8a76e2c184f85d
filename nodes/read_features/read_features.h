// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <vector>

namespace flowrun::torch_nodes {

/// Opens slides of which there are features. See describe().
struct ReadFeatures : Open {
  std::vector<std::filesystem::path> features;

  static void describe(Description<ReadFeatures>& d);
  void plan(Costs& costs) override;
  Scopes open(Inputs& in) override;
};

}  // namespace flowrun::torch_nodes
