// SPDX-License-Identifier: Apache-2.0
#include "filter.h"

#include <flowrun/wsi/ink.h>
#include <flowrun/wsi/tile.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <opencv2/core.hpp>

#include "measures.h"

namespace flowrun::wsi {
namespace {

constexpr double most_shown_sharpness = 1000;

}  // namespace

void Filter::describe(Description<Filter>& d) {
  d.summary("Drops tiles that are blank, inked, poor in tissue or out of focus.")
      .details(
          "Only what is given is looked at, in this order: max_white, max_black, max_ink, min_tissue, "
          "min_sharpness; the first that speaks against a tile is its reason (white, black, ink, little "
          "tissue, blurred), and the summary counts them. Dropped tiles go to the port `dropped` with their "
          "reason; a save node with `format: none` lists them.")
      .example("good: {type: filter, from: tiles, max_white: 0.8, min_sharpness: 15}")
      .input<Tile>("tile")
      .output<Tile>("tile")
      .output<Tile>("dropped");
  const auto share = [&](const char* name, auto member, const char* help) {
    d.option(name, member, help).at_least(0).at_most(1);
  };
  share("max_white", &Filter::max_white, "share of white pixels above which a tile is dropped");
  share("max_black", &Filter::max_black, "share of black pixels above which a tile is dropped");
  share("max_ink", &Filter::max_ink, "share of pen marks above which a tile is dropped");
  share("min_tissue", &Filter::min_tissue, "share of coloured pixels below which a tile is dropped");
  d.option("min_sharpness", &Filter::min_sharpness,
           "variance of the Laplacian of grey below which a tile is dropped")
      .at_least(0);
  const auto level = [&](const char* name, int Filter::*member, const char* help) {
    d.option(name, member, help).at_least(0).at_most(255);
  };
  level("white_level", &Filter::white_level, "a pixel is white when R, G and B are at least this");
  level("black_level", &Filter::black_level, "a pixel is black when R, G and B are at most this");
  level("tissue_saturation", &Filter::tissue_saturation,
        "a pixel is coloured when its saturation is at least this");
  d.option("inks", &Filter::inks, "pens to look for: blue, green, red, black");
}

bool Filter::measures() const {
  return max_white || max_black || max_ink || min_tissue || min_sharpness;
}

bool Filter::needs_content(std::string_view, const Costs& costs) const {
  return measures() || costs.wanted("tile") || costs.wanted("dropped");
}

void Filter::plan(Costs& costs) {
  for (const std::string& colour : inks)
    if (std::ranges::find(ink_colours(), colour) == ink_colours().end())
      throw OptionError("inks", fmt::format("no pen is known as '{}'", colour),
                        fmt::format("any of {}", fmt::join(ink_colours(), ", ")));
  costs.forwards("tile");
  costs.forwards("dropped");
  costs.scratch = measures() ? costs.in("tile") * 8 / 3 : 0;
}

/// Of the slide's tiles. Thread-safe.
struct Filter::Sharpness {
  std::mutex mutex;
  double sum = 0;
  std::uint64_t tiles = 0;

  void add(double sharpness) {
    const std::scoped_lock lock(mutex);
    sum += sharpness;
    ++tiles;
  }
};

std::string Filter::reason_against(const cv::Mat& rgb, Sharpness& of_slide, Outputs& out) const {
  if (max_white && white_share(rgb, white_level) > *max_white) return "white";
  if (max_black && black_share(rgb, black_level) > *max_black) return "black";
  if (max_ink) {
    const cv::Mat ink = find_ink(rgb, inks);
    if (cv::countNonZero(ink) > *max_ink * static_cast<double>(ink.total())) return "ink";
  }
  if (min_tissue && saturated_share(rgb, tissue_saturation) < *min_tissue) return "little tissue";
  if (!min_sharpness) return {};
  const double sharp = sharpness(rgb);
  of_slide.add(sharp);
  out.report(report::histogram_of("sharpness", "variance of the Laplacian; the last bin has all above", 0,
                                  most_shown_sharpness, 50, sharp));
  return sharp < *min_sharpness ? "blurred" : "";
}

void Filter::process(Inputs& in, Outputs& out) {
  const Tile& tile = in.get<Tile>("tile");
  const std::string reason =
      measures() ? reason_against(rgb_of(tile), in.state<Sharpness>(), out) : std::string();
  if (reason.empty()) return out.forward("tile");
  out.drop(reason);
  Tile dropped = tile;  // shares the pixels
  dropped.dropped_because = reason;
  out.emit("dropped", std::move(dropped));
}

void Filter::finish(Inputs& in, Outputs& out) {
  if (!min_sharpness) return;
  const auto& of_slide = in.state<Sharpness>();
  if (of_slide.tiles > 0)
    out.report(report::Quantity{"mean sharpness", of_slide.sum / static_cast<double>(of_slide.tiles)});
}

}  // namespace flowrun::wsi
