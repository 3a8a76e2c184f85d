// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace flowrun::wsi {

/// Adds a note when pixels of these microns are not what a microscope makes: finer than 0.05 or coarser than
/// 20, or width and height that differ by more than 5 %.
void doubt_mpp(double x, double y, std::vector<std::string>& notes);

/// Microns per pixel, the mean of x and y, from a TIFF's tags XResolution and YResolution in pixels per
/// `unit`: "inch" or "centimeter". Nothing, and a note, when they are what programs write that do not know:
/// 72 pixels an inch, say, are a screen's.
std::optional<double> mpp_of_resolution(double x, double y, std::string_view unit,
                                        std::vector<std::string>& notes);

}  // namespace flowrun::wsi
