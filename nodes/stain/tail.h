// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <opencv2/core/mat.hpp>

#include "vectors.h"

namespace flowrun::wsi {

FLOWRUN_IN_EACH_TARGET bool any_negative(const Long4& all) {
  return (all[0] | all[1] | all[2] | all[3]) < 0;
}

/// Calls `see(pixel)` for each `step`-th pixel of a row of which one of the four sums of its table rows is
/// below zero. Tables are made so that few are: percentiles at the ends need no more.
template <class See>
FLOWRUN_IN_EACH_TARGET void visit_row(const std::uint8_t* pixel, const std::uint8_t* end, std::ptrdiff_t step,
                                      const PixelRows& rows, See& see) {
  const std::ptrdiff_t next = 3 * step;
  Double4 sums[4];
  for (; end - pixel > 3 * next; pixel += 4 * next) {
    for (int i = 0; i < 4; ++i) rows.sum(pixel + i * next, sums[i]);
    // A cast between vectors keeps the bits: of the numbers only the signs matter.
    if (!any_negative((Long4)sums[0] | (Long4)sums[1] | (Long4)sums[2] | (Long4)sums[3])) continue;
    for (int i = 0; i < 4; ++i)
      if (any_negative((Long4)sums[i])) see(pixel + i * next);
  }
  for (; pixel < end; pixel += next) {
    rows.sum(pixel, sums[0]);
    if (any_negative((Long4)sums[0])) see(pixel);
  }
}

template <class See>
FLOWRUN_AVX2 void visit_avx2(const cv::Mat& rgb, int step, const PixelRows& rows, See& see) {
  for (int y = 0; y < rgb.rows; y += step) visit_row(rgb.ptr(y), rgb.ptr(y) + 3L * rgb.cols, step, rows, see);
}
template <class See>
void visit_anywhere(const cv::Mat& rgb, int step, const PixelRows& rows, See& see) {
  for (int y = 0; y < rgb.rows; y += step) visit_row(rgb.ptr(y), rgb.ptr(y) + 3L * rgb.cols, step, rows, see);
}

/// The same for each `step`-th row of a picture.
template <class See>
void visit_tail(const cv::Mat& rgb, int step, const PixelRows& rows, See see) {
  if (has_avx2())
    visit_avx2(rgb, step, rows, see);
  else
    visit_anywhere(rgb, step, rows, see);
}

/// In pictures of at least so many pixels, a part is looked at first, to know where to look.
constexpr std::size_t least_to_sample = std::size_t{1} << 14;
constexpr int sample_step = 4;
inline std::uint64_t sampled(const cv::Mat& rgb) {
  const auto part = [](int side) {
    return static_cast<std::uint64_t>((side + sample_step - 1) / sample_step);
  };
  return part(rgb.rows) * part(rgb.cols);
}

}  // namespace flowrun::wsi
