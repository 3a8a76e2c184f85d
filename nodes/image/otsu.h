// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

namespace flowrun::wsi {

/// How many pixels of an image of one channel, 8 bit, have each value.
using Histogram = std::array<double, 256>;

/// Pixels up to a threshold, and those above it.
struct Split {
  int threshold = 0;
  double below = 0, above = 0;  ///< means of both classes; equal where there is one
};
/// Otsu's threshold (IEEE Trans. SMC 9, 1979): the value that parts pixels into classes, up to it and above
/// it, with the most variance between them; the lowest such, also among those that part
/// them alike. Parts pixels as cv::threshold does.
Split otsu_split(const Histogram& counts);

}  // namespace flowrun::wsi
