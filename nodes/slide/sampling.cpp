// SPDX-License-Identifier: Apache-2.0
#include "sampling.h"

#include <flowrun/error.h>
#include <fmt/format.h>

#include <cmath>

namespace flowrun::wsi {
namespace {

/// Scanners' levels are not exact powers, and their MPPs differ in the last digits.
constexpr double tolerance = 0.005;

}  // namespace

Sampling Sampling::at_level(const Slide& slide, int level) {
  if (level < slide.level_count()) return {level, 1};
  throw Error(fmt::format("{}: level {} was asked for, but the slide has {} (0 to {})",
                          slide.facts().path.string(), level, slide.level_count(), slide.level_count() - 1));
}

Sampling Sampling::at_downsample(const Slide& slide, double downsample) {
  const int level = slide.level_for(downsample);
  const double ratio = downsample / slide.level(level).downsample;
  return {level, std::abs(ratio - 1) <= tolerance ? 1 : ratio};
}

Sampling Sampling::at_mpp(const Slide& slide, double mpp) {
  const double own = slide.facts().mpp_or_throw();
  if (mpp >= own * (1 - tolerance)) return at_downsample(slide, mpp / own);
  throw Error(fmt::format("{}: {} microns per pixel were asked for, but the slide's finest level has {}",
                          slide.facts().path.string(), mpp, own));
}

Sampling Sampling::at_magnification(const Slide& slide, double magnification) {
  const double own = slide.facts().objective_power_or_throw();
  if (magnification <= own * (1 + tolerance)) return at_downsample(slide, own / magnification);
  throw Error(fmt::format("{}: a magnification of {} was asked for, but the slide was scanned at {}",
                          slide.facts().path.string(), magnification, own));
}

}  // namespace flowrun::wsi
