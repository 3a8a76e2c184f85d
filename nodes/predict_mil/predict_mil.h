// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "nodes/mil/slide_models.h"

namespace flowrun::torch_nodes {

/// Says what models of slides predict, and which tiles they attend to. See describe().
struct PredictMil : GatherScopes {
  std::filesystem::path dir;
  std::optional<std::filesystem::path> models;
  std::int64_t block_tiles = 1024, most_tiles = 300'000;

  static void describe(Description<PredictMil>& d);
  void plan(Costs& costs) override;
  std::map<std::string, std::string> depends_on(const std::string& slide) const override;
  Action process(Inputs& in, Outputs& out) override;
  void finish(Inputs& in, Outputs& out) override;
  Packets finish_run(Inputs& in, Outputs& out) override;

 private:
  std::shared_ptr<const SlideModels> models_of(const Inputs& in) const;
  /// Throws when what is kept of them is more than plan() said.
  void check_tiles(std::uint64_t tiles, std::size_t models) const;

  std::shared_ptr<const SlideModels> loaded_;  // of the option, by plan()
};

}  // namespace flowrun::torch_nodes
