// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <opencv2/core/mat.hpp>
#include <span>

#include "nodes/base/avx512.h"

namespace flowrun::wsi {

/// Tells the few pixels that a percentile near an end depends on from the many that it does not, at the cost
/// of three look-ups. A pixel is passed over when up to three linear functions of what its channels add are
/// all at least zero. The functions are rounded down, to a part in 100,000 of what they can be, and added as
/// fields of one number: so it is never wrong to pass over a pixel, and those not passed over are to be
/// looked at exactly.
///
/// AVX-512 passes over most of these many 64 at a time, by terms rounded down further: which pixels are seen
/// stays the same.
class TailTest {
 public:
  static constexpr int functions = 3;
  /// What a channel's grey level adds to each function.
  using Terms = std::array<double, functions>;

  /// `terms(channel, level)` gives Terms; those of a level with `passed_over(level)` pass over the pixel
  /// whatever its other channels.
  template <class Of, class PassedOver>
  void set(Of terms, PassedOver passed_over) {
    Terms largest{};
    for (int f = 0; f < functions; ++f)
      for (int c = 0; c < 3; ++c) {
        double most = 0;
        for (int level = 0; level < 256; ++level)
          most = std::max(most, std::abs(terms(c, level)[static_cast<std::size_t>(f)]));
        largest[static_cast<std::size_t>(f)] += most;
      }
    std::array<std::int64_t, functions> darker{};
    for (int c = 0; c < 3; ++c)
      for (int level = 0; level < 256; ++level) {
        const Terms all = terms(c, level);
        std::int64_t sum = 0;
        for (int f = functions; f-- > 0;) {
          const auto i = static_cast<std::size_t>(f);
          std::int64_t term = passed_over(level) ? range
                              : largest[i] > 0   ? std::llround(std::floor(all[i] / largest[i] * (range - 4)))
                                                 : 0;
          if (level % 2 == 1)
            rough_[i][static_cast<std::size_t>(c)].set(level / 2, std::min(term, darker[i]));
          darker[i] = term;
          if (c == 0) term += zero;
          sum = sum * (std::int64_t{1} << field_bits) + term;
        }
        terms_[static_cast<std::size_t>(c)][static_cast<std::size_t>(level)] =
            static_cast<std::uint64_t>(sum);
      }
  }

  /// Calls `see(pixel)` for the others among each `step`-th pixel of each `step`-th row.
  /// `by_64`: only with AVX-512.
  template <class See>
  void visit(const cv::Mat& rgb, int step, See&& see, bool by_64 = has_avx512()) const {
    const std::ptrdiff_t next = 3L * step;
    for (int y = 0; y < rgb.rows; y += step) {
      const std::uint8_t* pixel = rgb.ptr(y);
      const std::uint8_t* const end = pixel + 3L * rgb.cols;
      for (Masks left; step == 1 && by_64 && end - pixel >= bytes_of_64;)
        for (std::uint64_t mask : std::span(left).first(find_left(pixel, end, left))) {
          for (; mask != 0; mask &= mask - 1) {
            const std::uint8_t* const one = pixel + 3 * std::countr_zero(mask);
            if (!passes_over(sum(one))) see(one);
          }
          pixel += bytes_of_64;
        }
      for (; end - pixel > 3 * next; pixel += 4 * next) {
        const std::uint64_t sums[4] = {sum(pixel), sum(pixel + next), sum(pixel + 2 * next),
                                       sum(pixel + 3 * next)};
        if (passes_over(sums[0] & sums[1] & sums[2] & sums[3])) continue;
        for (int i = 0; i < 4; ++i)
          if (!passes_over(sums[i])) see(pixel + i * next);
      }
      for (; pixel < end; pixel += next)
        if (!passes_over(sum(pixel))) see(pixel);
    }
  }

 private:
  // A field holds its function's value plus `zero`, so that the bit of `zero` says that it is not negative.
  static constexpr int field_bits = 21;
  static constexpr std::int64_t zero = std::int64_t{1} << 20, range = std::int64_t{1} << 17;
  static constexpr std::uint64_t not_negative =
      (std::uint64_t{1} << 20) | (std::uint64_t{1} << 41) | (std::uint64_t{1} << 62);
  static bool passes_over(std::uint64_t sum) { return (sum & not_negative) == not_negative; }
  std::uint64_t sum(const std::uint8_t* pixel) const {
    return terms_[0][pixel[0]] + terms_[1][pixel[1]] + terms_[2][pixel[2]];
  }
  std::uint64_t terms_[3][256];

  /// What each two neighbouring grey levels add at least to one function: of 16 bits, which the sum of three
  /// does not leave.
  struct Rough {
    std::array<std::uint8_t, 128> low, high;

    void set(int pair, std::int64_t term) {
      const auto rounded = static_cast<std::uint16_t>(term >> 4);
      low[static_cast<std::size_t>(pair)] = static_cast<std::uint8_t>(rounded);
      high[static_cast<std::size_t>(pair)] = static_cast<std::uint8_t>(rounded >> 8);
    }
  };
  std::array<std::array<Rough, 3>, functions> rough_;

  static constexpr std::ptrdiff_t bytes_of_64 = 64 * 3;
  using Masks = std::array<std::uint64_t, 8>;
  /// Masks of those of each 64 pixels that the rough terms do not pass over; says how many masks there are.
  std::size_t find_left(const std::uint8_t* pixel, const std::uint8_t* end, Masks& left) const;
};

/// What sums in another order can differ by; the rest decides exactly.
constexpr double rounding = 1e-9;

/// In pictures of at least so many pixels, a part is looked at first, to know where to look.
constexpr std::size_t least_to_sample = std::size_t{1} << 14;
/// Looks at about 4096 pixels.
inline int sample_step(const cv::Mat& rgb) {
  return std::max(1, static_cast<int>(std::sqrt(static_cast<double>(rgb.total()) / 4096)));
}

}  // namespace flowrun::wsi
