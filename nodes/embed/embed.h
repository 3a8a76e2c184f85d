// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/torch/features.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nodes/torch/resolution.h"

namespace flowrun::torch_nodes {

/// Turns tiles into features by an encoder. See describe().
struct Embed : Gather {
  Embed();
  ~Embed() override;
  std::string model;
  std::optional<std::filesystem::path> weights;
  std::optional<std::int64_t> input_size;
  std::vector<double> mean, std;
  std::optional<double> mpp;
  double mpp_tolerance = usual_mpp_tolerance;
  std::string pooling = "auto";
  std::optional<std::int64_t> prefix_tokens;
  std::int64_t batch = 64;
  std::string precision = "fp32";
  std::string device = "auto";

  static void describe(Description<Embed>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  void process(Inputs& in, Outputs& out) override;
  Packets finish(Inputs& in, Outputs& out) override;

 private:
  struct Loaded;
  struct Gathered;
  using Tiles = std::vector<std::shared_ptr<const wsi::Tile>>;
  void check(const wsi::Tile& tile) const;
  /// Nothing when the scope has failed meanwhile.
  std::optional<Features> features_of(const Tiles& tiles, const Scope& scope) const;

  std::unique_ptr<const Loaded> loaded_;  // by plan()
};

}  // namespace flowrun::torch_nodes
