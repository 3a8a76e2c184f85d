// SPDX-License-Identifier: Apache-2.0
#include "glass_level.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

namespace flowrun::wsi {
namespace {

constexpr int core = 2, around = 8;         // values beside a peak that are its own, and its surroundings
constexpr double least_share = 0.005;       // of all pixels, in the core
constexpr double least_concentrated = 0.4;  // of the surroundings, in the core: tissue spreads wider

double sum(const Histogram& counts, int from, int to) {
  double all = 0;
  for (int v = std::max(from, 1); v <= std::min(to, least_white - 1); ++v)
    all += counts[static_cast<std::size_t>(v)];
  return all;
}

double mass(const Histogram& counts, int peak) {
  return sum(counts, peak - core, peak + core);
}

/// The brightest narrow peak, from `least` on.
std::optional<int> brightest_peak(const Histogram& counts, int least) {
  const double all = sum(counts, 1, least_white - 1);
  for (int v = least_white - 1; v >= least; --v) {
    const double here = mass(counts, v);
    if (here == 0 || here < least_share * all ||
        here < least_concentrated * sum(counts, v - around, v + around))
      continue;
    while (v > 1 && mass(counts, v - 1) > mass(counts, v)) --v;  // uphill
    return v;
  }
  return {};
}

/// Where there is no glass to be seen, what is about the brightest.
int brightest_twentieth(const Histogram& counts) {
  const double all = sum(counts, 1, least_white - 1);
  int v = least_white - 1;
  while (v > 0 && sum(counts, v, least_white - 1) < 0.05 * all) --v;
  return v;
}

}  // namespace

int below_glass(const Histogram& counts, double contrast) {
  constexpr int least_alone = 128;
  const double whites = std::accumulate(counts.begin() + least_white, counts.end(), 0.0);
  const bool has_white = whites > least_share * sum(counts, 1, least_white - 1);
  const int glass = brightest_peak(counts, has_white ? least_glass_beside_white : least_alone)
                        .value_or(has_white ? 255 : brightest_twentieth(counts));
  constexpr int widest = 24;  // that noise is looked for
  double squares = 0;
  for (int v = glass + 1; v <= std::min(glass + widest, least_white - 1); ++v)
    squares += counts[static_cast<std::size_t>(v)] * (v - glass) * (v - glass);
  const double brighter = sum(counts, glass + 1, glass + widest);
  const double noise = brighter > 0 ? std::sqrt(squares / brighter) : 0;
  return static_cast<int>(std::floor(glass - std::max(contrast, 4 * noise)));
}

}  // namespace flowrun::wsi
