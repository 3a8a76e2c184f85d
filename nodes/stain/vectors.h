// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <opencv2/core/mat.hpp>

/// Marks what is compiled twice, for AVX2 and for any processor, by being inlined into both.
#define FLOWRUN_IN_EACH_TARGET inline __attribute__((always_inline))

namespace flowrun::wsi {

/// Four numbers that are added and multiplied at once; g++ makes of it what the processor has.
/// Multiplications and additions are never fused, so that each processor gives the same bits.
using Double4 = double __attribute__((vector_size(32)));
using Long4 = std::int64_t __attribute__((vector_size(32)));

#if defined(__x86_64__)
#define FLOWRUN_AVX2 __attribute__((target("avx2")))
inline bool has_avx2() {
  return __builtin_cpu_supports("avx2");
}
#else
#define FLOWRUN_AVX2
inline bool has_avx2() {
  return false;
}
#endif

/// A table row for each grey level of R, G and B: the sum of a pixel's three rows is what is wanted of it.
struct PixelRows {
  alignas(32) Double4 of[3][256];

  FLOWRUN_IN_EACH_TARGET void sum(const std::uint8_t* pixel, Double4& out) const {
    out = of[0][pixel[0]] + of[1][pixel[1]] + of[2][pixel[2]];
  }
};

}  // namespace flowrun::wsi
