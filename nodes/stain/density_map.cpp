// SPDX-License-Identifier: Apache-2.0
#include "density_map.h"

#include <algorithm>
#include <cmath>

#include "optical_density.h"
#include "vectors.h"
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace flowrun::wsi {
namespace {

/// Three factors of up to e^28 and down to e^-28 stay within single precision whatever their order.
constexpr double most_exponent = 28;

}  // namespace

DensityMap::DensityMap(const cv::Matx33d& matrix, const cv::Vec3d& offset, double io, double add,
                       bool plus_one)
    : matrix_(matrix), offset_(offset), io_(io), add_(add), plus_one_(plus_one) {
  const DensityTable density = density_table(io, plus_one);
  for (int c = 0; c < 3; ++c)
    for (int level = 0; level < 256; ++level) {
      Factors& factors = table_[static_cast<std::size_t>(c)][static_cast<std::size_t>(level)];
      factors.of[3] = 0;
      for (int out = 0; out < 3; ++out) {
        const double exponent = matrix(out, c) * density[static_cast<std::size_t>(level)];
        const double constant = c == 0 ? std::log(io) - offset[out] : 0;
        in_range_ &= std::abs(constant - exponent) <= most_exponent;
        factors.of[out] = static_cast<float>(std::exp(constant - exponent));
      }
    }
}

void DensityMap::apply(cv::Mat& rgb) const {
  const auto fast = has_avx2() ? apply_avx2 : apply_anywhere;
  for (int y = 0; y < rgb.rows; ++y) {
    if (in_range_)
      fast(table_, static_cast<float>(add_), rgb.ptr(y), rgb.cols);
    else
      apply_slowly(rgb.ptr(y), rgb.cols);
  }
}

void DensityMap::apply_anywhere(const Table& table, float add, std::uint8_t* pixel, int pixels) {
  for (; pixels > 0; --pixels, pixel += 3) {
    const float* const r = table[0][pixel[0]].of;
    const float* const g = table[1][pixel[1]].of;
    const float* const b = table[2][pixel[2]].of;
    for (int c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>(std::clamp(r[c] * g[c] * b[c] + add, 0.0F, 255.0F));
  }
}

#if defined(__x86_64__)
FLOWRUN_AVX2 void DensityMap::apply_avx2(const Table& table, float add, std::uint8_t* pixel, int pixels) {
  const __m128 addend = _mm_set1_ps(add), most = _mm_set1_ps(255);
  const __m128i pack = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  const auto map = [&](const std::uint8_t* p) __attribute__((always_inline, target("avx2"))) {
    const __m128 product =
        _mm_mul_ps(_mm_mul_ps(_mm_load_ps(table[0][p[0]].of), _mm_load_ps(table[1][p[1]].of)),
                   _mm_load_ps(table[2][p[2]].of));
    return _mm_cvttps_epi32(_mm_min_ps(_mm_add_ps(product, addend), most));
  };
  for (; pixels >= 4; pixels -= 4, pixel += 12) {
    const __m128i first = _mm_packus_epi32(map(pixel), map(pixel + 3));
    const __m128i second = _mm_packus_epi32(map(pixel + 6), map(pixel + 9));
    const __m128i bytes = _mm_shuffle_epi8(_mm_packus_epi16(first, second), pack);
    _mm_storel_epi64(reinterpret_cast<__m128i*>(pixel), bytes);
    _mm_storeu_si32(pixel + 8, _mm_srli_si128(bytes, 8));
  }
  apply_anywhere(table, add, pixel, pixels);
}
#else
void DensityMap::apply_avx2(const Table& table, float add, std::uint8_t* pixel, int pixels) {
  apply_anywhere(table, add, pixel, pixels);
}
#endif

void DensityMap::apply_slowly(std::uint8_t* pixel, int pixels) const {
  const DensityTable density = density_table(io_, plus_one_);
  for (; pixels > 0; --pixels, pixel += 3) {
    const cv::Vec3d od(density[pixel[0]], density[pixel[1]], density[pixel[2]]);
    const cv::Vec3d changed = matrix_ * od + offset_;
    for (int c = 0; c < 3; ++c)
      pixel[c] = static_cast<std::uint8_t>(std::clamp(io_ * std::exp(-changed[c]) + add_, 0.0, 255.0));
  }
}

}  // namespace flowrun::wsi
