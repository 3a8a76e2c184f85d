// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// Changes optical densities linearly and makes pixels of them again:
///
///   out = io * exp(-(matrix * od + offset)) + add, cut to 0..255 and rounded down
///
/// with od = -ln((p + 1) / io). The exponential of a sum is a product: each factor comes from a table of one
/// channel, made here (12 KiB), so that a pixel costs nine look-ups, six multiplications and no exponential.
/// Single precision: a value within 1e-4 of a whole number may be rounded the other way. Densities that would
/// leave single precision on their way (entries of the matrix beyond 5 or so) are taken through the
/// exponential one by one, slowly. The same bits on every processor. Immutable, thread-safe.
class DensityMap {
 public:
  /// `plus_one`: see Densitometry.
  DensityMap(const cv::Matx33d& matrix, const cv::Vec3d& offset, double io, double add, bool plus_one = true);

  /// `rgb`: rows x cols x 3, 8 bit, changed in place; rows need not be adjacent.
  void apply(cv::Mat& rgb) const;

 private:
  struct alignas(16) Factors {
    float of[4];  // for R, G, B; the last is not used
  };
  using Table = std::array<std::array<Factors, 256>, 3>;
  static void apply_anywhere(const Table& table, float add, std::uint8_t* pixel, int pixels);
  static void apply_avx2(const Table& table, float add, std::uint8_t* pixel, int pixels);
  void apply_slowly(std::uint8_t* pixel, int pixels) const;

  cv::Matx33d matrix_;
  cv::Vec3d offset_;
  double io_, add_;
  bool plus_one_;
  bool in_range_ = true;
  Table table_;
};

}  // namespace flowrun::wsi
