// SPDX-License-Identifier: Apache-2.0
#include "normalize.h"

#include <flowrun/wsi/mask.h>
#include <fmt/format.h>

#include <mutex>
#include <utility>

#include "nodes/base/if_connected.h"
#include "nodes/slide/slide_files.h"
#include "nodes/stain/background.h"
#include "nodes/stain/method_options.h"
#include "nodes/stain/reported_stains.h"
#include "nodes/stain/slide_sample.h"

namespace flowrun::wsi {
namespace {

/// What all tiles of a slide get; found by the first of them.
struct SlideChange {
  std::once_flag found;
  std::function<void(cv::Mat&)> change;
};

}  // namespace

void Normalize::describe(Description<Normalize>& d) {
  d.summary("Makes tiles of all slides look as if they had been stained alike.")
      .details(
          "macenko: the stain matrix is found by the method of Macenko et al. (ISBI 2009), with the values "
          "of the code that its authors published. vahadane: by sparse non-negative factorisation (Vahadane "
          "et al., IEEE TMI 2016). ruifrok: it is given, by Ruifrok and Johnston (2001) or by `matrix`, and "
          "only the amounts are found. All three then scale the concentrations so that their 99th "
          "percentiles are the target's, and put the target's stain colours in place. reinhard: mean and "
          "deviation of stained pixels in a colour `space` become the target's (Reinhard et al., IEEE CG&A "
          "2001). With `like` a method is as another program has it where its paper leaves something open: "
          "torchstain (macenko, reinhard), tiatoolbox (macenko, reinhard, ruifrok), histomicstk (reinhard) "
          "and histolab (macenko, reinhard), with scope tile and a picture as target within two grey levels "
          "of theirs. The target "
          "is a picture (PNG or JPEG), a stains.yaml of fit_stains, or, if none is given, the one that "
          "Macenko et al. published (reinhard: that of HistomicsTK, in the space ruderman only). With scope "
          "slide the stains are found once for each slide, from `windows` squares of 256 x 256 pixels of "
          "tissue at the tiles' resolution, which `seed` draws; so neighbouring tiles do not flicker. With "
          "scope tile each tile is taken for itself. Tiles without stain (glass, pen, black, grey, one "
          "colour only) come out unchanged, with scope tile also those with stain on less than 5 % of their "
          "pixels, which says nothing of a stain; the summary counts them.")
      .example("even: {type: normalize, from: {tile: tiles, slide: slides, mask: tissue}, method: macenko}")
      .input<Tile>("tile")
      .optional_scope_input<Slide>("slide")
      .optional_scope_input<Mask>("mask")
      .output<Tile>("tile");
  describe_method(d, {"macenko", "reinhard", "ruifrok", "vahadane"},
                  {"histolab", "histomicstk", "tiatoolbox", "torchstain"});
  d.option("scope", &Normalize::scope, "what the stains are found from: the whole slide, or each tile")
      .choices({"slide", "tile"});
  d.option("target", &Normalize::target, "picture or stains.yaml that says what tiles shall look like");
  d.option(
       "background", &Normalize::background,
       "keep: pixels that have a density of `beta` in none of R, G, B stay as they are, with tissue: otsu "
       "those that are no such tissue; as `like` has it, if not given, else keep with reinhard, which would "
       "tint glass, else change")
      .choices({"keep", "change"});
  d.option("windows", &Normalize::windows, "squares of tissue that a slide's stains are found from")
      .at_least(1)
      .at_most(1024);
  d.option("seed", &Normalize::seed, "which squares").at_least(0);
}

void Normalize::plan(Costs& costs) {
  if (scope == "slide" && !costs.has("slide"))
    throw OptionError("scope", "the stains of a slide are found on the slide",
                      "connect the input slide (and mask, if there is one), or say scope: tile");
  prepare();
  check_like("background", background, std::string(details().background));
  if (space && method != "reinhard")
    throw OptionError("space", fmt::format("'space' means nothing to method {}", method),
                      "method: reinhard, or no space");
  if (!target && method == "reinhard" && lab_space() != LabSpace::ruderman)
    throw OptionError(space ? "space" : "like",
                      fmt::format("there is no published target in the space {}", name_of(lab_space())),
                      "target: a picture or a stains.yaml");
  if (!target && scales_residual())
    throw OptionError(residual ? "residual" : "like", "the published target says nothing of the residual",
                      "target: a picture or a stains.yaml");
  if (!target && like == "tiatoolbox")
    throw OptionError("like", "tiatoolbox has no target of its own", "target: a picture or a stains.yaml");
  try {
    if (target) look_ = StainMethod::target(*target);
  } catch (const Error& problem) {
    throw OptionError("target", problem.what());
  }
  costs.out("tile", costs.in("tile"));
  const std::size_t sample = SlideSample{windows}.bytes();
  costs.scratch = scratch(scope == "slide" ? sample : costs.in("tile"));
  if (scope == "slide") costs.keeps = sample;
}

std::map<std::string, std::string> Normalize::depends_on(const std::string&) const {
  std::map<std::string, std::string> all;
  if (target) add_identity("target", *target, all);
  if (matrix) add_identity("matrix", *matrix, all);
  return all;
}

Normalize::Change Normalize::change_from(const StainReport& start) const {
  Change changed = change(start, look_);
  if (background.value_or(details().background) != "keep") return changed;
  return measured_tissue() == "otsu" ? keeping_all_but_otsu_tissue(std::move(changed))
                                     : keeping_background(std::move(changed), light());
}

const Normalize::Change& Normalize::change_of_slide(const Inputs& in, const Tile& tile, Outputs& out) const {
  auto& slide = in.state<SlideChange>();
  std::call_once(slide.found, [&] {
    const auto mask = if_connected<Mask>(in, "mask");
    const SlideSample wanted{windows, tile.extent / tile.size(), static_cast<std::uint64_t>(seed)};
    const auto start = start_of(sample_tissue(in.get<Slide>("slide"), mask.get(), light(), wanted));
    if (!start) return;
    slide.change = change_from(*start);
    method == "reinhard" ? report_slide(start->lab, out) : report_slide(start->stains, out);
  });
  return slide.change;
}

Normalize::Change Normalize::change_of_tile(const Tile& tile, Outputs& out) const {
  const auto start = start_of(tile.pixels);
  if (!start) return {};
  if (method != "reinhard") report_tile(start->stains, out);
  return change_from(*start);
}

void Normalize::process(Inputs& in, Outputs& out) {
  Tile tile = in.take<Tile>("tile");
  rgb_of(tile);
  const Change& normalized = scope == "slide" ? change_of_slide(in, tile, out) : change_of_tile(tile, out);
  if (!normalized)
    out.note(scope == "slide" ? "no stain was found on the slide: its tiles are as they were"
                              : "tiles without stain are as they were");
  else if (scope == "slide" && !has_stain(tile.pixels, light()))
    out.note("tiles without stain are as they were");
  else {
    normalized(tile.own_pixels());
    tile.untouched = false;
  }
  out.emit("tile", std::move(tile));
}

}  // namespace flowrun::wsi
