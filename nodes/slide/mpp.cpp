// SPDX-License-Identifier: Apache-2.0
#include "mpp.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace flowrun::wsi {
namespace {

constexpr double finest = 0.05, coarsest = 20, most_difference = 0.05;
constexpr double microns_per_inch = 25400, microns_per_centimetre = 10000;

bool any_is(double value, const auto& values) {
  constexpr double rounding = 0.015;  // 28 pixels a centimetre are 71 an inch
  return std::ranges::any_of(values, [&](double v) { return std::abs(value / v - 1) < rounding; });
}

/// Defaults of screens, printers and libraries, in whatever unit they are written.
bool nobody_knew(double microns) {
  constexpr std::array per_inch{1., 72., 96., 150., 300.};
  constexpr std::array per_centimetre{1., 10.};
  return any_is(microns_per_inch / microns, per_inch) ||
         any_is(microns_per_centimetre / microns, per_centimetre);
}

}  // namespace

void doubt_mpp(double x, double y, std::vector<std::string>& notes) {
  const double mean = (x + y) / 2;
  if (mean < finest || mean > coarsest)
    notes.push_back(fmt::format(
        "{:.4g} microns per pixel are hardly a slide's, of which {} to {} are expected; if they are wrong, "
        "give `mpp:`",
        mean, finest, coarsest));
  if (std::abs(x - y) > most_difference * std::min(x, y))
    notes.push_back(fmt::format(
        "pixels of {:.4g} x {:.4g} microns are no squares; their mean {:.4g} counts; if it is wrong, give "
        "`mpp:`",
        x, y, mean));
}

std::optional<double> mpp_of_resolution(double x, double y, std::string_view unit,
                                        std::vector<std::string>& notes) {
  if (unit != "inch" && unit != "centimeter") return {};
  const double microns = unit == "inch" ? microns_per_inch : microns_per_centimetre;
  if (nobody_knew(microns / x) && nobody_knew(microns / y)) {
    notes.push_back(
        fmt::format("its resolution, {:.4g} pixels per {}, is what programs write that do not know it: its "
                    "microns per pixel count as unknown",
                    x, unit));
    return {};
  }
  doubt_mpp(microns / x, microns / y, notes);
  return (microns / x + microns / y) / 2;
}

}  // namespace flowrun::wsi
