// SPDX-License-Identifier: Apache-2.0
#include "detect.h"

#include <flowrun/wsi/mask.h>
#include <flowrun/wsi/thumbnail.h>

#include <algorithm>

#include "tissue.h"

namespace flowrun::wsi {
namespace {

constexpr int default_level = 2;

Thumbnail thumbnail_for(const Detect& options, const Slide& slide) {
  if (options.mpp) return thumbnail_at_downsample(slide, *options.mpp / slide.facts().mpp_or_throw());
  if (options.downsample) return thumbnail_at_downsample(slide, *options.downsample);
  return thumbnail_at_level(slide, options.level.value_or(default_level));
}

}  // namespace

void Detect::describe(Description<Detect>& d) {
  d.summary("Finds tissue and gives a mask of it.")
      .details(
          "otsu: Otsu's threshold on grey, then opening and closing with a 5 x 5 ellipse. The mask is made "
          "at the "
          "resolution asked for (level 2, or the last level of slides with fewer, if nothing is); it has at "
          "most "
          "8.4 million pixels: a larger level is averaged down by a whole factor.")
      .example("tissue: {type: detect, from: slides, mpp: 8}")
      .input<Slide>("slide")
      .output<Mask>("mask");
  d.option("method", &Detect::method, "how tissue is told from glass").choices({"otsu"});
  d.option("level", &Detect::level, "level to look at; the last one of slides with fewer").at_least(0);
  d.option("downsample", &Detect::downsample, "level-0 pixels per mask pixel").at_least(1);
  d.option("mpp", &Detect::mpp, "microns per mask pixel").above(0);
}

void Detect::plan(Costs& costs) {
  if (level.has_value() + downsample.has_value() + mpp.has_value() > 1)
    throw OptionError(mpp ? "mpp" : "downsample", "the resolution is given twice",
                      "one of level, downsample, mpp");
  costs.out("mask", 0);  // decided per slide
  constexpr std::size_t most_pixels = most_thumbnail_pixels;
  costs.leases = most_pixels + std::max(most_thumbnail_scratch(), 5 * most_pixels / 2);
}

std::size_t Detect::bytes(const Inputs& in) const {
  const Slide& slide = in.get<Slide>("slide");
  const Thumbnail thumbnail = thumbnail_for(*this, slide);
  const std::size_t scratch =
      std::max(thumbnail_scratch(slide, thumbnail), otsu_scratch(thumbnail.rows, thumbnail.cols));
  return thumbnail.pixels() + scratch;
}

void Detect::process(Inputs& in, Outputs& out) {
  const Slide& slide = in.get<Slide>("slide");
  Mask mask;
  mask.pixels = read_thumbnail_grey(slide, thumbnail_for(*this, slide));
  mask.slide_width = slide.facts().width();
  mask.slide_height = slide.facts().height();
  otsu_mask(mask.pixels);
  out.keep_leased(mask.pixels.total());
  out.emit("mask", std::move(mask));
}

}  // namespace flowrun::wsi
