// SPDX-License-Identifier: Apache-2.0
#include "tail.h"

namespace flowrun::wsi {

#if defined(__x86_64__)
namespace {

FLOWRUN_AVX512 inline __m512i look_up(const std::array<std::uint8_t, 128>& bytes, __m512i index) {
  return _mm512_permutex2var_epi8(_mm512_loadu_si512(&bytes[0]), index, _mm512_loadu_si512(&bytes[64]));
}

}  // namespace

FLOWRUN_AVX512 std::size_t TailTest::find_left(const std::uint8_t* pixel, const std::uint8_t* end,
                                               Masks& left) const {
  static constexpr auto places = [] {
    std::array<std::array<std::uint8_t, 64>, 3> of_channel{};
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < 64; ++i) of_channel[c][i] = static_cast<std::uint8_t>(3 * i + c);
    return of_channel;
  }();
  const __m512i one = _mm512_set1_epi8(1);
  const auto sets = std::min<std::size_t>(left.size(), static_cast<std::size_t>((end - pixel) / bytes_of_64));
  for (std::size_t set = 0; set < sets; ++set, pixel += bytes_of_64) {
    const __m512i first = _mm512_loadu_si512(pixel), second = _mm512_loadu_si512(pixel + 64),
                  third = _mm512_loadu_si512(pixel + 128);
    __m512i pair[3];  // of grey levels, in the lower 7 bits, which alone are looked at
    for (std::size_t c = 0; c < 3; ++c) {
      const __m512i place = _mm512_loadu_si512(places[c].data());
      pair[c] = _mm512_srli_epi16(_mm512_mask_permutexvar_epi8(_mm512_permutex2var_epi8(first, place, second),
                                                               _mm512_movepi8_mask(place), place, third),
                                  1);
    }
    left[set] = 0;
    for (const auto& [r, g, b] : rough_) {
      const __m512i r_low = look_up(r.low, pair[0]), g_low = look_up(g.low, pair[1]),
                    b_low = look_up(b.low, pair[2]);
      const __m512i rg_low = _mm512_add_epi8(r_low, g_low), rgb_low = _mm512_add_epi8(rg_low, b_low);
      __m512i high = _mm512_add_epi8(_mm512_add_epi8(look_up(r.high, pair[0]), look_up(g.high, pair[1])),
                                     look_up(b.high, pair[2]));
      high = _mm512_mask_add_epi8(high, _mm512_cmplt_epu8_mask(rg_low, g_low), high, one);
      high = _mm512_mask_add_epi8(high, _mm512_cmplt_epu8_mask(rgb_low, b_low), high, one);
      left[set] |= _mm512_movepi8_mask(high);
    }
  }
  _mm256_zeroupper();
  return sets;
}
#else
std::size_t TailTest::find_left(const std::uint8_t*, const std::uint8_t*, Masks&) const {
  return 0;
}
#endif

}  // namespace flowrun::wsi
