// SPDX-License-Identifier: Apache-2.0
#include "separate.h"

#include <flowrun/wsi/tile.h>

#include <utility>

#include "nodes/slide/slide_files.h"
#include "nodes/stain/stains_file.h"

namespace flowrun::wsi {

void Separate::describe(Description<Separate>& d) {
  d.summary("Gives each stain of a tile as a picture of its own, and says how much of it there is.")
      .details(
          "Concentrations are found by colour deconvolution (Ruifrok and Johnston, 2001): the colours of two "
          "stains, and a third at right angles to both for what they do not explain. The pictures have one "
          "channel: the light that the stain alone lets through, 255 exp(-concentration), white where there "
          "is none. `hematoxylin` and `counterstain` (eosin, or DAB with stains: h-dab) are the pictures; "
          "`tile` is the tile itself with its numbers, which tables of tiles get as columns: hematoxylin_od "
          "and eosin_od or dab_od, the mean concentrations in optical density (natural logarithm; divide by "
          "2.303 for decimal ones), and hematoxylin_positive and eosin_positive or dab_positive, the share "
          "of stained pixels with at least positive_od.")
      .example("stains: {type: separate, from: tiles, stains: h-dab}")
      .input<Tile>("tile")
      .output<Tile>("tile")
      .output<Tile>("hematoxylin")
      .output<Tile>("counterstain");
  d.option("stains", &Separate::stains, "which stains; their colours are those of Ruifrok and Johnston")
      .choices({"h&e", "h-dab"});
  d.option("matrix", &Separate::matrix, "a stains.yaml with the colours of hematoxylin and eosin, instead");
  d.option("io", &Separate::io, "light that glass lets through, grey levels").above(0).at_most(1000);
  d.option("beta", &Separate::beta, "optical density that a stained pixel has at least in one channel")
      .at_least(0)
      .at_most(5);
  d.option("positive_od", &Separate::positive_od,
           "concentration from which a pixel is positive; 0.46 is 0.2 in decimal optical density")
      .at_least(0);
}

void Separate::plan(Costs& costs) {
  StainMatrix colours = stains == "h-dab" ? hematoxylin_dab() : hematoxylin_eosin();
  if (matrix) {
    if (stains != "h&e")
      throw OptionError("matrix", "a stains.yaml has the colours of hematoxylin and eosin", "stains: h&e");
    try {
      colours = StainsFile::read(*matrix).report.stains.matrix;
    } catch (const Error& problem) {
      throw OptionError("matrix", problem.what());
    }
  }
  separation_.emplace(colours, Densitometry{io, beta}, positive_od);
  costs.forwards("tile");
  costs.out("hematoxylin", costs.in("tile") / 3 + 1);
  costs.out("counterstain", costs.in("tile") / 3 + 1);
}

std::map<std::string, std::string> Separate::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (matrix) add_identity("matrix", *matrix, all);
  return all;
}

void Separate::process(Inputs& in, Outputs& out) {
  Tile tile = in.get<Tile>("tile");  // shares the pixels
  Tile pictures[2] = {tile, tile};
  for (Tile& picture : pictures) picture.pixels.release(), picture.untouched = false;
  const auto amounts = separation_->apply(rgb_of(tile), pictures[0].pixels, pictures[1].pixels);
  const std::string names[2] = {"hematoxylin", stains == "h-dab" ? "dab" : "eosin"};
  for (std::size_t s = 0; s < 2; ++s) {
    tile.values.emplace_back(names[s] + "_od", amounts[s].mean_od);
    tile.values.emplace_back(names[s] + "_positive", amounts[s].positive);
  }
  for (Tile& picture : pictures) picture.values = tile.values;
  out.emit("tile", std::move(tile));
  out.emit("hematoxylin", std::move(pictures[0]));
  out.emit("counterstain", std::move(pictures[1]));
}

}  // namespace flowrun::wsi
