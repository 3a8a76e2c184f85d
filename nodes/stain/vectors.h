// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <opencv2/core/mat.hpp>

#include "optical_density.h"

/// Marks what is compiled twice, for AVX2 and for any processor, by being inlined into both.
#define FLOWRUN_IN_EACH_TARGET inline __attribute__((always_inline))
#if defined(__x86_64__)
#define FLOWRUN_AVX2 __attribute__((target("avx2")))
#else
#define FLOWRUN_AVX2
#endif

namespace flowrun::wsi {

/// Four numbers that are added and multiplied at once; g++ makes of it what the processor has.
/// Multiplications and additions are never fused, so that each processor gives the same bits.
using Double4 = double __attribute__((vector_size(32)));
using Long4 = long long __attribute__((vector_size(32)));  // of comparisons: all bits or none

inline bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2");
#else
  return false;
#endif
}

inline double total(const Double4& lanes) {
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}
inline std::int64_t total(const Long4& lanes) {
  return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}
/// `all` where `where` is set, else 0.
FLOWRUN_IN_EACH_TARGET void keep(Double4& all, const Long4& where) {
  all = (Double4)((Long4)all & where);
}

/// Optical densities of R, G, B by grey level, relative to an origin, to sum up something over stained
/// pixels.
struct StainedDensities {
  /// More than any density: what a grey level counts as that no stained pixel has.
  static constexpr double too_bright = 1e100;
  double of[3][256];

  StainedDensities(const Densitometry& light, const std::uint8_t* origin = nullptr) {
    const DensityTable table = density_table(light.io, light.plus_one);
    const int brightest = brightest_stained(light);
    for (int c = 0; c < 3; ++c)
      for (int level = 0; level < 256; ++level)
        of[c][level] = level > brightest
                           ? too_bright
                           : table[static_cast<std::size_t>(level)] - (origin ? table[origin[c]] : 0.0);
  }

  /// Gives `sums.add(r, g, b, stained)` the pixels at four places, densities of unstained ones as 0. Without
  /// a branch: where glass shows between cells it could not be foreseen.
  template <class Sums>
  FLOWRUN_IN_EACH_TARGET void add_four(const std::uint8_t* const* at, const Long4& wanted, Sums& sums) const {
    const auto& [r_of, g_of, b_of] = of;
    Double4 r{r_of[at[0][0]], r_of[at[1][0]], r_of[at[2][0]], r_of[at[3][0]]};
    Double4 g{g_of[at[0][1]], g_of[at[1][1]], g_of[at[2][1]], g_of[at[3][1]]};
    Double4 b{b_of[at[0][2]], b_of[at[1][2]], b_of[at[2][2]], b_of[at[3][2]]};
    const Long4 stained = (r + g + b < too_bright / 2) & wanted;
    keep(r, stained), keep(g, stained), keep(b, stained);
    sums.add(r, g, b, stained);
  }

  template <class Sums>
  FLOWRUN_IN_EACH_TARGET void add_row(const std::uint8_t* pixel, int pixels, std::ptrdiff_t step,
                                      Sums& total) const {
    const std::ptrdiff_t next = 3 * step;
    Sums sums = total;
    for (; pixels >= 4; pixels -= 4, pixel += 4 * next) {
      const std::uint8_t* const at[] = {pixel, pixel + next, pixel + 2 * next, pixel + 3 * next};
      add_four(at, Long4{-1, -1, -1, -1}, sums);
    }
    if (pixels > 0) {
      const std::uint8_t* const at[] = {pixel, pixels > 1 ? pixel + next : pixel,
                                        pixels > 2 ? pixel + 2 * next : pixel, pixel};
      add_four(at, Long4{-1, pixels > 1 ? -1 : 0, pixels > 2 ? -1 : 0, 0}, sums);
    }
    total = sums;
  }
  template <class Sums>
  FLOWRUN_AVX2 void add_row_avx2(const std::uint8_t* pixel, int pixels, std::ptrdiff_t step,
                                 Sums& total) const {
    add_row(pixel, pixels, step, total);
  }
  template <class Sums>
  void add_row_anywhere(const std::uint8_t* pixel, int pixels, std::ptrdiff_t step, Sums& total) const {
    add_row(pixel, pixels, step, total);
  }

  /// The same for each `step`-th pixel of each `step`-th row.
  template <class Sums>
  void add(const cv::Mat& rgb, int step, Sums& sums) const {
    const bool avx2 = has_avx2();
    const int pixels = (rgb.cols + step - 1) / step;
    for (int y = 0; y < rgb.rows; y += step)
      if (avx2)
        add_row_avx2(rgb.ptr(y), pixels, step, sums);
      else
        add_row_anywhere(rgb.ptr(y), pixels, step, sums);
  }
};

}  // namespace flowrun::wsi
