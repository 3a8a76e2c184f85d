// SPDX-License-Identifier: Apache-2.0
#include "sampling.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace flowrun::wsi {
namespace {

/// Scanners' levels are not exact powers.
constexpr double downsample_tolerance = 0.005;
/// 0.255 is 0.25 to 2 %.
constexpr double last_digits = 1e-9;

/// On the level that is nearest within the tolerance, else on the coarsest that is finer.
Sampling at(const Slide& slide, double downsample, double tolerance) {
  const auto miss = [&](int level) { return std::abs(slide.level(level).downsample / downsample - 1); };
  int finer = 0, nearest = 0;
  for (int level = 1; level < slide.level_count(); ++level) {
    if (slide.level(level).downsample <= downsample) finer = level;
    if (miss(level) < miss(nearest)) nearest = level;
  }
  if (miss(nearest) <= tolerance + last_digits) return {nearest, 1};
  return {finer, downsample / slide.level(finer).downsample};
}

}  // namespace

Sampling Sampling::at_level(const Slide& slide, int level) {
  if (level < slide.level_count()) return {level, 1};
  throw Error(fmt::format("{}: level {} was asked for, but the slide has {} (0 to {})",
                          slide.facts().path.string(), level, slide.level_count(), slide.level_count() - 1));
}

Sampling Sampling::at_downsample(const Slide& slide, double downsample) {
  return at(slide, downsample, downsample_tolerance);
}

Sampling Sampling::at_mpp(const Slide& slide, double mpp, double tolerance) {
  const double own = slide.facts().mpp_or_throw();
  if (own / mpp - 1 <= tolerance + last_digits) return at(slide, mpp / own, tolerance);
  throw Error(fmt::format(
      "{}: {} microns per pixel were asked for, but the slide's finest level has {}, which is more than {:g} "
      "away from it",
      slide.facts().path.string(), mpp, own, tolerance));
}

Sampling Sampling::of_tiles(const Slide& slide, double mpp) {
  return at_downsample(slide, std::max(1.0, mpp / slide.facts().mpp_or_throw()));
}

Sampling Sampling::at_magnification(const Slide& slide, double magnification) {
  const double own = slide.facts().objective_power_or_throw();
  if (magnification <= own * (1 + downsample_tolerance)) return at_downsample(slide, own / magnification);
  throw Error(fmt::format("{}: a magnification of {} was asked for, but the slide was scanned at {}",
                          slide.facts().path.string(), magnification, own));
}

int Sampling::window(int size) const {
  return static_cast<int>(std::lround(size * ratio));
}

LevelWindow window_at(const Slide& slide, int level, std::int64_t x, std::int64_t y, double extent,
                      int side) {
  const Level& of = slide.level(level);
  const auto begin = [&](std::int64_t pixel, std::int64_t level_side, std::int64_t slide_side) {
    const auto from = static_cast<double>(pixel);
    return window_begin(from / of.downsample, side, level_side, lies_within(from, extent, slide_side));
  };
  return {begin(x, of.width, slide.facts().width()), begin(y, of.height, slide.facts().height()), side};
}

bool lies_within(double from, double extent, std::int64_t whole) {
  return from >= 0 && from + extent <= static_cast<double>(whole) + 1e-6;
}

std::int64_t window_begin(double at, int window, std::int64_t side, bool inside) {
  const std::int64_t nearest = std::llround(at);
  return inside ? std::clamp<std::int64_t>(nearest, 0, std::max<std::int64_t>(side - window, 0)) : nearest;
}

}  // namespace flowrun::wsi
