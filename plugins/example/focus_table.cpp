// SPDX-License-Identifier: Apache-2.0
#include <flowrun/wsi/tile.h>

#include <fstream>
#include <mutex>
#include <string>

#include "focus.h"
#include "nodes.h"

using flowrun::wsi::Tile;

namespace {

/// What the node keeps for a slide.
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

}  // namespace

void FocusTable::describe(flowrun::Description<FocusTable>& d) {
  d.summary("Writes a table of the tiles' sharpness: SLIDE.csv with x, y, sharpness.")
      .example("table: {type: focus_table, from: tiles, dir: focus}")
      .input<Tile>("tile");
  d.option("dir", &FocusTable::dir, "folder to write to").required().output_folder();
}

void FocusTable::plan(flowrun::Costs& costs) {
  costs.scratch = sharpness_scratch(costs.in("tile"));
}

flowrun::Action FocusTable::process(flowrun::Inputs& in, flowrun::Outputs&) {
  const Tile& tile = in.get<Tile>("tile");
  auto& table = in.state<Table>();
  table.open(in.scope(), dir);
  const std::string row = std::to_string(tile.x) + "," + std::to_string(tile.y) + "," +
                          std::to_string(sharpness(tile.pixels)) + "\n";
  return [&table, row] { table.file << row; };
}

void FocusTable::finish(flowrun::Inputs& in, flowrun::Outputs&) {
  if (in.scope().failed()) return;
  auto& table = in.state<Table>();
  table.open(in.scope(), dir);  // a slide without tiles has a table, too
  table.file.close();           // says whether all of it was written
}
