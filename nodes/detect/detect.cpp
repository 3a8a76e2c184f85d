// SPDX-License-Identifier: Apache-2.0
#include "detect.h"

#include <flowrun/wsi/ink.h>
#include <flowrun/wsi/mask.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <opencv2/core.hpp>

#include "areas.h"
#include "thresholds.h"

namespace flowrun::wsi {
namespace {

constexpr int default_level = 2;
constexpr int default_kernel = 5;
// Noise, uneven light and dust of a blank slide stay below; tissue that can just be seen is 20 levels from
// glass.
constexpr double default_contrast = 12, default_contrast_of_saturation = 5;
// CLAM's defaults.
constexpr int default_threshold = 8, default_median = 7, default_close = 4;

Thumbnail thumbnail_for(const Detect& options, const Slide& slide) {
  if (options.mpp) return thumbnail_at_downsample(slide, *options.mpp / slide.facts().mpp_or_throw());
  if (options.downsample) return thumbnail_at_downsample(slide, *options.downsample);
  return thumbnail_at_level(slide, options.level.value_or(default_level));
}

/// Square microns of a thumbnail's pixel.
double pixel_area(const Slide& slide, const Thumbnail& thumbnail) {
  const SlideFacts& facts = slide.facts();
  const double pixels = static_cast<double>(facts.width()) / thumbnail.cols *
                        static_cast<double>(facts.height()) / thumbnail.rows;
  return pixels * facts.mpp_or_throw() * facts.mpp_or_throw();
}

void check_range(const char* option, const std::optional<std::vector<int>>& range, int most) {
  if (!range) return;
  const bool right =
      range->size() == 2 && 0 <= range->front() && range->front() <= range->back() && range->back() <= most;
  if (!right)
    throw OptionError(option, fmt::format("[{}] is no range", fmt::join(*range, ", ")),
                      fmt::format("[lowest, highest] within 0 to {}", most));
}

}  // namespace

void Detect::describe(Description<Detect>& d) {
  d.summary("Finds tissue and gives a mask of it.")
      .details(
          "otsu: Otsu's threshold on grey, then opening and closing with an ellipse. It parts a slide in "
          "two: pale tissue beside very dark one is on the side of the glass. glass: what is darker than the "
          "slide's own glass in one of R, G, B, by `contrast` and by more than the glass's noise, then the "
          "same opening and closing; it finds pale and dark tissue (DAB, folds) together. hsv: pixels whose "
          "hue, saturation and value (0 to 180, 255, 255) lie within ranges, then the same opening and "
          "closing. saturation: CLAM's method, a threshold on the saturation after a median blur, then "
          "closing with a square. The mask is made at the resolution asked for (level 2, or the last level "
          "of slides with fewer, if nothing is); it has at most 8.4 million pixels: a larger level is "
          "averaged down by a whole factor. Pen marks and what is declared as glass are painted white before "
          "anything else; black frames around the picture are no tissue. A slide without contrast is blank, "
          "and its mask empty. Areas need the slide's MPP. Two masks are put together by the node combine.")
      .example("tissue: {type: detect, from: slides, mpp: 8}")
      .input<Slide>("slide")
      .output<Mask>("mask");
  d.option("method", &Detect::method, "how tissue is told from glass")
      .choices({"otsu", "glass", "hsv", "saturation"});
  d.option("level", &Detect::level, "level to look at; the last one of slides with fewer").at_least(0);
  d.option("downsample", &Detect::downsample, "level-0 pixels per mask pixel").at_least(1);
  d.option("mpp", &Detect::mpp, "microns per mask pixel").above(0);
  d.option("kernel", &Detect::kernel,
           "otsu, glass and hsv: mask pixels across the ellipse that opens and closes; 5 if not given, 0 for "
           "none")
      .at_least(0)
      .at_most(63);
  d.option(
       "contrast", &Detect::contrast,
       "otsu, glass: grey levels that tissue is darker than glass at least; 12 if not given. saturation with "
       "use_otsu: that it is more saturated; 5 if not given. 0 leaves it to the threshold, which finds "
       "tissue on blank slides")
      .at_least(0)
      .at_most(255);
  d.option("hue", &Detect::hue, "hsv: lowest and highest hue; [130, 180] if not given");
  d.option("saturation", &Detect::saturation, "hsv: lowest and highest saturation; [20, 255] if not given");
  d.option("value", &Detect::value, "hsv: lowest and highest value; [20, 255] if not given");
  d.option("threshold", &Detect::threshold, "saturation: more than this is tissue; 8 if not given")
      .at_least(0)
      .at_most(255);
  d.option("use_otsu", &Detect::use_otsu, "saturation: Otsu's threshold instead of a given one");
  d.option("median", &Detect::median,
           "saturation: mask pixels across the median blur, odd; 7 if not given, 1 for none")
      .at_least(1)
      .at_most(63);
  d.option("close", &Detect::close,
           "saturation: mask pixels across the square that closes; 4 if not given, 0 for none")
      .at_least(0)
      .at_most(63);
  d.option("remove_ink", &Detect::remove_ink, "pens whose marks are glass: blue, green, red, black");
  d.option("white_glass", &Detect::white_glass, "pixels at least this bright in all of R, G, B are glass")
      .at_least(1)
      .at_most(255);
  d.option("grey_glass", &Detect::grey_glass,
           "pixels whose R, G, B differ by at most this are glass: grey glass, black frames")
      .at_least(0)
      .at_most(255);
  d.option("min_object_area", &Detect::min_object_area,
           "square microns; smaller pieces of tissue are dropped")
      .at_least(0);
  d.option("max_hole_area", &Detect::max_hole_area, "square microns; smaller holes in tissue are filled")
      .at_least(0);
}

void Detect::plan(Costs& costs) {
  if (level.has_value() + downsample.has_value() + mpp.has_value() > 1)
    throw OptionError(mpp ? "mpp" : "downsample", "the resolution is given twice",
                      "one of level, downsample, mpp");
  const auto only_for = [&](const char* option, bool given, bool fits, const char* methods) {
    if (given && !fits)
      throw OptionError(option, fmt::format("'{}' means nothing to method {}", option, method),
                        fmt::format("it is for {}", methods));
  };
  only_for("kernel", kernel.has_value(), method != "saturation", "otsu, glass and hsv");
  only_for("contrast", contrast.has_value(),
           method == "otsu" || method == "glass" || (method == "saturation" && use_otsu.value_or(false)),
           "otsu, glass and saturation with use_otsu");
  only_for("hue", hue.has_value(), method == "hsv", "hsv");
  only_for("saturation", saturation.has_value(), method == "hsv", "hsv");
  only_for("value", value.has_value(), method == "hsv", "hsv");
  only_for("threshold", threshold.has_value(), method == "saturation", "saturation");
  only_for("use_otsu", use_otsu.has_value(), method == "saturation", "saturation");
  only_for("median", median.has_value(), method == "saturation", "saturation");
  only_for("close", close.has_value(), method == "saturation", "saturation");
  check_range("hue", hue, 180);
  check_range("saturation", saturation, 255);
  check_range("value", value, 255);
  if (median && *median % 2 == 0)
    throw OptionError("median", fmt::format("{} is even", *median), "an odd number");
  if (threshold && use_otsu.value_or(false))
    throw OptionError("threshold", "the threshold is given and left to Otsu", "threshold or use_otsu");
  for (const std::string& colour : remove_ink)
    if (std::ranges::find(ink_colours(), colour) == ink_colours().end())
      throw OptionError("remove_ink", fmt::format("no pen is known as '{}'", colour),
                        fmt::format("any of {}", fmt::join(ink_colours(), ", ")));

  constexpr std::size_t most_pixels = most_thumbnail_pixels;
  costs.out("mask", most_pixels);
  costs.scratch = std::max({most_thumbnail_scratch(score()), most_mask_scratch(most_pixels, largest_kernel()),
                            cleans_areas() ? areas_scratch(most_pixels) : 0});
}

CallBytes Detect::bytes(const Inputs& in) const {
  const Slide& slide = in.get<Slide>("slide");
  const Thumbnail thumbnail = thumbnail_for(*this, slide);
  return {.out = thumbnail.pixels(),
          .scratch = std::max({thumbnail_scratch(slide, thumbnail, score()),
                               mask_scratch(thumbnail.rows, thumbnail.cols, largest_kernel()),
                               cleans_areas() ? areas_scratch(thumbnail.pixels()) : 0})};
}

Score Detect::score() const {
  const Glass glass{remove_ink, white_glass, grey_glass};
  if (method == "otsu") return luma_of(glass);
  if (method == "saturation") return saturation_of(glass);
  if (method == "glass") return darkest_of(glass);
  const auto h = hue.value_or(std::vector{130, 180}), s = saturation.value_or(std::vector{20, 255}),
             v = value.value_or(std::vector{20, 255});
  return within({{h[0], s[0], v[0]}, {h[1], s[1], v[1]}}, glass);
}

void Detect::threshold_scores(cv::Mat& scores) const {
  if (method == "saturation") {
    const auto fixed =
        use_otsu.value_or(false) ? std::nullopt : std::optional(threshold.value_or(default_threshold));
    return threshold_saturated(scores, median.value_or(default_median), fixed, close.value_or(default_close),
                               contrast.value_or(default_contrast_of_saturation));
  }
  if (method == "otsu") threshold_dark(scores, contrast.value_or(default_contrast));
  if (method == "glass") threshold_below_glass(scores, contrast.value_or(default_contrast));
  open_and_close(scores, kernel.value_or(default_kernel));
}

int Detect::largest_kernel() const {
  return method == "saturation" ? std::max(median.value_or(default_median), close.value_or(default_close))
                                : kernel.value_or(default_kernel);
}

void Detect::process(Inputs& in, Outputs& out) {
  const Slide& slide = in.get<Slide>("slide");
  const Thumbnail thumbnail = thumbnail_for(*this, slide);
  Mask mask;
  mask.pixels = read_thumbnail_score(slide, thumbnail, score());
  mask.slide_width = slide.facts().width();
  mask.slide_height = slide.facts().height();
  threshold_scores(mask.pixels);
  if (cleans_areas()) {
    const double area = pixel_area(slide, thumbnail);
    clean_areas(mask.pixels, min_object_area / area, max_hole_area / area);
  }
  const double share =
      static_cast<double>(cv::countNonZero(mask.pixels)) / static_cast<double>(mask.pixels.total());
  out.report(report::Quantity{"tissue share", 100 * share, "%"});
  if (const auto mpp_of_slide = slide.facts().mpp) {
    constexpr double of_square_mm = 1e6;
    out.report(report::Quantity{
        "tissue area",
        share * pixel_area(slide, thumbnail) * static_cast<double>(thumbnail.pixels()) / of_square_mm,
        "mm²"});
    out.report(report::Quantity{"MPP", *mpp_of_slide, "µm/pixel"});
  }
  out.emit("mask", std::move(mask));
}

}  // namespace flowrun::wsi
