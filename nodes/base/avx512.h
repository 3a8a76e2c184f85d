// SPDX-License-Identifier: Apache-2.0
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

/// Marks what looks bytes up 64 at a time. It ends with _mm256_zeroupper(): upper halves left in use would
/// slow down all SSE code that follows.
#define FLOWRUN_AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi2")))
#endif

namespace flowrun::wsi {

inline bool has_avx512() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("bmi2");
#else
  return false;
#endif
}

}  // namespace flowrun::wsi
