// SPDX-License-Identifier: Apache-2.0
// PredictMil::draw: the slide, where its tiles are, and the files that attention is drawn to.
#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "attention_pictures.h"
#include "predict_mil.h"
#include "slide_prediction.h"

namespace flowrun::torch_nodes {

void PredictMil::draw(const SlidePrediction& slide, const std::filesystem::path& features, double extent,
                      const Inputs& in, Outputs& out) const {
  const std::string& name = in.scope().name();
  const auto not_drawn = [&](std::string_view why) {
    out.note(fmt::format("attention of slide '{}' is not drawn: {}", name, why));
  };
  std::optional<wsi::Slide> opened;
  TileSquares squares{{}, extent};
  if (in.has("image")) {
    const std::vector<double>& places = slide.places;
    for (std::size_t i = 0; i + 1 < places.size(); i += 2)
      squares.corners.push_back({std::llround(places[i]), std::llround(places[i + 1])});
  } else {
    const auto found = slides_.find(name);
    if (found == slides_.end()) return not_drawn("`slides` has none of its name");
    if (slide.places.empty()) return not_drawn("its file of features has no coords");
    opened = wsi::Slide::open(found->second.path, name, {.mpp = found->second.mpp});
    squares = read_tile_squares(features, *opened, tile_extent);
    if (squares.guessed)
      out.note(
          fmt::format("attention of slide '{}' is drawn in tiles of {:g} level-0 pixels, the distance "
                      "that most have, as its file says no more: set tile_extent",
                      name, squares.extent));
  }
  const auto file = [&](const char* ending) { return in.scope().stage(dir, "attention/" + name + ending); };
  const std::vector<float> attention = slide.attention();
  if (std::ranges::adjacent_find(attention, std::ranges::not_equal_to()) == attention.end())
    out.note(fmt::format("attention of slide '{}' is drawn in one colour, that of least attention: {}", name,
                         attention.size() == 1 ? "there is one tile" : "it is the same for all tiles"));
  const std::string problem =
      draw_attention(opened ? *opened : in.get<wsi::Slide>("image"), squares, attention, origin,
                     {file(".heatmap.jpg"), file(".heatmap.tif"), file(".geojson"), file(".tiles.jpg")});
  for (const auto& [title, ending] :
       {std::pair("attention", ".heatmap.jpg"), std::pair("most and least attended tiles", ".tiles.jpg")})
    out.report(report::Figure{title, dir, "attention/" + name + ending});
  if (!problem.empty()) out.note("attention is drawn on no picture of the slide: " + problem);
}

}  // namespace flowrun::torch_nodes
