// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "nodes/mil/slide_models.h"
#include "nodes/table/slide_list.h"

namespace flowrun::torch_nodes {

class SlidePrediction;

/// Says what models of slides predict, and which tiles they attend to. See describe().
struct PredictMil : GatherScopes {
  std::filesystem::path dir;
  std::optional<std::filesystem::path> models;
  std::int64_t block_tiles = 1024, most_tiles = 300'000;
  std::vector<std::filesystem::path> slides;
  std::optional<double> tile_extent;
  std::string origin = "bounds";

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

  /// Of the slide's attention, where the slide is to be had. `features` is their file, `extent` that of
  /// tiles where there is none.
  void draw(const SlidePrediction& slide, const std::filesystem::path& features, double extent,
            const Inputs& in, Outputs& out) const;

  std::shared_ptr<const SlideModels> loaded_;       // of the option, by plan()
  std::map<std::string, wsi::ListedSlide> slides_;  // by name; likewise
};

}  // namespace flowrun::torch_nodes
