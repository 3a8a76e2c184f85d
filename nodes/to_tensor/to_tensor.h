// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/rank.h>
#include <flowrun/wsi/tile.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace flowrun::torch_nodes {

class Normalisation;

/// Makes batches of samples. See describe().
struct ToTensor : Gather {
  int batch = 32;
  bool drop_last = false;
  std::vector<double> mean{0.485, 0.456, 0.406};
  std::vector<double> std{0.229, 0.224, 0.225};

  static void describe(Description<ToTensor>& d);
  void plan(Costs& costs) override;
  void process(Inputs& in, Outputs& out) override;
  Packets finish(Inputs& in, Outputs& out) override;

 private:
  /// A batch that is being gathered.
  struct Gathered {
    std::vector<std::shared_ptr<const wsi::Tile>> tiles;
    std::uint64_t number = 0;  // Batch::number
  };
  /// Which batch of its kind a tile belongs to, and the samples that all ranks have of that.
  struct Place {
    std::uint64_t batch = 0, from = 0, to = 0;
  };
  Place place_of(const wsi::Tile& tile, std::uint64_t index) const;
  bool is_left_out(const Gathered& gathered, Outputs& out) const;
  /// Nothing when the scope has failed meanwhile.
  void emit(const Gathered& gathered, const Scope& scope, Outputs& out) const;
  std::size_t most_tiles() const;

  Rank rank_;
  std::shared_ptr<const Normalisation> normalisation_;  // made by plan()
  int threads_ = 1;
};

}  // namespace flowrun::torch_nodes
