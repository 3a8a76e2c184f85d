// SPDX-License-Identifier: Apache-2.0
#include "otsu.h"

#include <algorithm>
#include <cfloat>

namespace flowrun::wsi {

Split otsu_split(const Histogram& counts) {
  double pixels = 0, sum = 0;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    pixels += counts[value];
    sum += static_cast<double>(value) * counts[value];
  }
  const double fewest = FLT_EPSILON * pixels;  // of a class, as cv::threshold has it
  double below = 0, sum_below = 0, most = 0;
  const double mean = pixels > 0 ? sum / pixels : 0;
  Split split{0, mean, mean};
  if (pixels == 0) return split;
  for (std::size_t value = 0; value < counts.size(); ++value) {
    below += counts[value];
    sum_below += static_cast<double>(value) * counts[value];
    const double above = pixels - below;
    if (std::min(below, above) < fewest) continue;
    const double apart = sum_below / below - (sum - sum_below) / above;
    const double between = below * above * apart * apart;
    if (between <= most) continue;
    most = between;
    split = {static_cast<int>(value), sum_below / below, (sum - sum_below) / above};
  }
  return split;
}

}  // namespace flowrun::wsi
