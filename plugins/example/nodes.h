// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <filesystem>
#include <vector>

/// Opens slides of the format "tiny", each in a scope of its own.
struct ReadTiny : flowrun::Open {
  std::vector<std::filesystem::path> path;

  static void describe(flowrun::Description<ReadTiny>& d);
  void plan(flowrun::Costs& costs) override;
  flowrun::Scopes open(flowrun::Inputs& in) override;
};

/// A filter: drops tiles that are out of focus.
struct FocusFilter : flowrun::Map {
  double min_sharpness = 100;

  static void describe(flowrun::Description<FocusFilter>& d);
  void plan(flowrun::Costs& costs) override;
  void process(flowrun::Inputs& in, flowrun::Outputs& out) override;
};

/// A sink: writes the sharpness of each tile down, one table for each slide.
struct FocusTable : flowrun::Write {
  std::filesystem::path dir;

  static void describe(flowrun::Description<FocusTable>& d);
  void plan(flowrun::Costs& costs) override;
  flowrun::Action process(flowrun::Inputs& in, flowrun::Outputs& out) override;
  void finish(flowrun::Inputs& in, flowrun::Outputs& out) override;
};
