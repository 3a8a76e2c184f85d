// SPDX-License-Identifier: Apache-2.0
#include "literals.h"

#include <algorithm>

#include "nodes/base/avx512.h"

namespace flowrun::wsi {
namespace {

void put_one_by_one(BitWriter& writer, std::span<const std::uint8_t> bytes, std::span<const Code> codes) {
  BitWriter local = writer;  // its members can live in registers, which those of a reference cannot
  std::size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) {
    const Code a = codes[bytes[i]], b = codes[bytes[i + 1]];
    const Code c = codes[bytes[i + 2]], d = codes[bytes[i + 3]];
    const std::uint64_t first = a.bits | (std::uint64_t{b.bits} << a.length);
    const std::uint64_t second = c.bits | (std::uint64_t{d.bits} << c.length);
    const unsigned first_length = unsigned{a.length} + b.length;
    local.put(first | (second << first_length), first_length + c.length + d.length);
  }
  for (; i < bytes.size(); ++i) local.put(codes[bytes[i]]);
  writer = local;
}

#if defined(__x86_64__)
/// 256 bytes, looked up 64 at a time.
struct Lookup {
  __m512i quarters[4];

  FLOWRUN_AVX512 explicit Lookup(const std::array<std::uint8_t, 256>& bytes) {
    for (std::size_t i = 0; i < 4; ++i) quarters[i] = _mm512_loadu_si512(&bytes[64 * i]);
  }
  /// `high`: the lanes whose index is 128 or more.
  FLOWRUN_AVX512 __m512i operator()(__m512i index, __mmask64 high) const {
    return _mm512_mask_blend_epi8(high, _mm512_permutex2var_epi8(quarters[0], index, quarters[1]),
                                  _mm512_permutex2var_epi8(quarters[2], index, quarters[3]));
  }
};
#endif

}  // namespace

LiteralCodes::LiteralCodes(std::span<const Code> codes) : codes_(codes) {
  for (std::size_t i = 0; i < lengths_.size(); ++i) {
    lengths_[i] = static_cast<std::uint8_t>(codes[i].length);
    low_bits_[i] = static_cast<std::uint8_t>(codes[i].bits);
    high_bits_[i] = static_cast<std::uint8_t>(codes[i].bits >> 8);
  }
}

#if defined(__x86_64__)
// Codes in lanes of 16 bits, in pairs of 32, in fours of 64: each step appends the upper half of a lane to
// the lower, behind as many bits as that has. Fours come in two sets, of even and odd places.
FLOWRUN_AVX512 void LiteralCodes::put_64_at_a_time(BitWriter& writer,
                                                   std::span<const std::uint8_t> bytes) const {
  const Lookup length_of(lengths_), low_of(low_bits_), high_of(high_bits_);
  const __m512i low8 = _mm512_set1_epi16(0xff), low16 = _mm512_set1_epi32(0xffff),
                low32 = _mm512_set1_epi64(0xffffffff);
  BitWriter local = writer;
  const std::size_t eights = bytes.size() / 8;
  for (std::size_t done = 0; done < eights; done += 8) {
    const std::size_t now = std::min<std::size_t>(eights - done, 8);
    const __m512i symbols =
        _mm512_maskz_loadu_epi64(static_cast<__mmask8>((1u << now) - 1), &bytes[8 * done]);
    const __mmask64 above = _mm512_movepi8_mask(symbols);
    const __m512i length = length_of(symbols, above), low = low_of(symbols, above),
                  high = high_of(symbols, above);
    const __m512i even = _mm512_or_si512(_mm512_and_si512(low, low8), _mm512_slli_epi16(high, 8));
    const __m512i odd = _mm512_or_si512(_mm512_srli_epi16(low, 8), _mm512_andnot_si512(low8, high));
    const __m512i even_length = _mm512_and_si512(length, low8);
    const __m512i pair_length = _mm512_add_epi16(even_length, _mm512_srli_epi16(length, 8));

    const __m512i even_pair = _mm512_or_si512(
        _mm512_and_si512(even, low16),
        _mm512_sllv_epi32(_mm512_and_si512(odd, low16), _mm512_and_si512(even_length, low16)));
    const __m512i odd_pair =
        _mm512_or_si512(_mm512_srli_epi32(even, 16),
                        _mm512_sllv_epi32(_mm512_srli_epi32(odd, 16), _mm512_srli_epi32(even_length, 16)));
    const __m512i even_pair_length = _mm512_and_si512(pair_length, low16);
    const __m512i four_length = _mm512_add_epi32(even_pair_length, _mm512_srli_epi32(pair_length, 16));

    alignas(64) std::array<std::uint64_t, 8> even_bits, odd_bits, even_count, odd_count;
    _mm512_store_si512(even_bits.data(),
                       _mm512_or_si512(_mm512_and_si512(even_pair, low32),
                                       _mm512_sllv_epi64(_mm512_and_si512(odd_pair, low32),
                                                         _mm512_and_si512(even_pair_length, low32))));
    _mm512_store_si512(odd_bits.data(),
                       _mm512_or_si512(_mm512_srli_epi64(even_pair, 32),
                                       _mm512_sllv_epi64(_mm512_srli_epi64(odd_pair, 32),
                                                         _mm512_srli_epi64(even_pair_length, 32))));
    _mm512_store_si512(even_count.data(), _mm512_and_si512(four_length, low32));
    _mm512_store_si512(odd_count.data(), _mm512_srli_epi64(four_length, 32));
    for (std::size_t k = 0; k < now; ++k) {
      const auto first = static_cast<unsigned>(even_count[k]), second = static_cast<unsigned>(odd_count[k]);
      if (first + second <= 56) [[likely]] {
        local.put(even_bits[k] | (odd_bits[k] << first), first + second);
      } else {
        local.put(even_bits[k], first);
        local.put(odd_bits[k], second);
      }
    }
  }
  _mm256_zeroupper();
  writer = local;
  put_one_by_one(writer, bytes.subspan(8 * eights), codes_);
}
#endif

void LiteralCodes::put(BitWriter& writer, std::span<const std::uint8_t> bytes) const {
#if defined(__x86_64__)
  if (has_avx512() && bytes.size() >= 64) return put_64_at_a_time(writer, bytes);
#endif
  put_one_by_one(writer, bytes, codes_);
}

}  // namespace flowrun::wsi
