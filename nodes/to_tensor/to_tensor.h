// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <flowrun/description.h>
#include <flowrun/wsi/tile.h>

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
  using Tiles = std::vector<std::shared_ptr<const wsi::Tile>>;
  bool is_left_out(const Tiles& tiles, Outputs& out) const;
  /// Nothing when the scope has failed meanwhile.
  void emit(const Tiles& tiles, const Scope& scope, Outputs& out) const;

  std::shared_ptr<const Normalisation> normalisation_;  // made by plan()
  int threads_ = 1;
};

}  // namespace flowrun::torch_nodes
