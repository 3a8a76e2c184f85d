// SPDX-License-Identifier: Apache-2.0
#include <flowrun/plugin.h>
#include <flowrun/wsi/tile.h>

#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>

#include "focus.h"

namespace {

using flowrun::wsi::Tile;

/// Drops tiles that are out of focus.
struct FocusFilter : flowrun::Node {
  double min_sharpness = 100;

  static void describe(flowrun::Description<FocusFilter>& d) {
    d.summary("Drops tiles that are out of focus.")
        .details("Sharpness is the variance of the Laplacian (Pech-Pacheco et al., 2000).")
        .example("sharp: {type: focus_filter, from: tiles, min_sharpness: 100}")
        .input<Tile>("tile")
        .output<Tile>("tile");
    d.option("min_sharpness", &FocusFilter::min_sharpness, "variance of the Laplacian that a tile needs")
        .at_least(0);
  }
  void plan(flowrun::Costs& costs) override {
    costs.scratch = sharpness_scratch(costs.in("tile"));
    costs.forwards("tile");
  }
  void process(flowrun::Inputs& in, flowrun::Outputs& out) override {
    if (sharpness(in.get<Tile>("tile").pixels) >= min_sharpness) out.forward("tile");
  }
};

/// Writes the sharpness of each tile down, one table for each slide.
struct FocusTable : flowrun::Node {
  std::filesystem::path dir;

  static void describe(flowrun::Description<FocusTable>& d) {
    d.summary("Writes a table of the tiles' sharpness: SLIDE.csv with x, y, sharpness.")
        .example("table: {type: focus_table, from: tiles, dir: focus}")
        .in_order()
        .input<Tile>("tile");
    d.option("dir", &FocusTable::dir, "folder to write to").required().output_folder();
  }
  void plan(flowrun::Costs& costs) override { costs.scratch = sharpness_scratch(costs.in("tile")); }

  void process(flowrun::Inputs& in, flowrun::Outputs& out) override {
    const Tile& tile = in.get<Tile>("tile");
    auto& table = in.state<Table>();
    table.open(in.scope(), dir);
    const std::string row = std::to_string(tile.x) + "," + std::to_string(tile.y) + "," +
                            std::to_string(sharpness(tile.pixels)) + "\n";
    out.in_order([&table, row] { table.file << row; });
  }
  void finish(flowrun::Inputs& in, flowrun::Outputs&) override {
    if (in.scope().failed()) return;
    auto& table = in.state<Table>();
    table.open(in.scope(), dir);  // a slide without tiles has a table, too
    table.file.close();           // says whether all of it was written
  }

 private:
  struct Table {
    std::once_flag once;
    std::ofstream file;
    void open(const flowrun::Scope& scope, const std::filesystem::path& dir) {
      std::call_once(once, [&] {
        file.exceptions(std::ios::failbit | std::ios::badbit);
        file.open(scope.stage(dir, scope.name() + ".csv"));
        file << "x,y,sharpness\n";
      });
    }
  };
};

}  // namespace

FLOWRUN_PLUGIN("focus", "1.0.0", registry) {
  registry.node<FocusFilter>("focus_filter").node<FocusTable>("focus_table");
}
