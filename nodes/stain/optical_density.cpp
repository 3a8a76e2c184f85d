// SPDX-License-Identifier: Apache-2.0
#include "optical_density.h"

#include <flowrun/wsi/ink.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "vectors.h"

namespace flowrun::wsi {
namespace {

struct Sums {
  Double4 r{}, g{}, b{};  // of the densities' products with R's, G's, B's; the last lane: of these alone
  std::int64_t pixels = 0;
};

FLOWRUN_IN_EACH_TARGET bool is_stained(const std::uint8_t* pixel, int brightest) {
  return (pixel[0] <= brightest) & (pixel[1] <= brightest) & (pixel[2] <= brightest);
}

FLOWRUN_IN_EACH_TARGET void add_row(const std::uint8_t* pixel, const std::uint8_t* end, int step,
                                    int brightest, const PixelRows& densities, Sums& total) {
  Sums sums = total;
  for (; pixel < end; pixel += 3 * step) {
    if (!is_stained(pixel, brightest)) continue;
    Double4 density;
    densities.sum(pixel, density);
    sums.r += density * densities.of[0][pixel[0]][0];
    sums.g += density * densities.of[1][pixel[1]][1];
    sums.b += density * densities.of[2][pixel[2]][2];
    ++sums.pixels;
  }
  total = sums;
}

FLOWRUN_AVX2 void add_row_avx2(const std::uint8_t* pixel, const std::uint8_t* end, int step, int brightest,
                               const PixelRows& densities, Sums& total) {
  add_row(pixel, end, step, brightest, densities, total);
}
void add_row_anywhere(const std::uint8_t* pixel, const std::uint8_t* end, int step, int brightest,
                      const PixelRows& densities, Sums& total) {
  add_row(pixel, end, step, brightest, densities, total);
}

const std::uint8_t* first_stained(const cv::Mat& rgb, int brightest, int step) {
  for (int y = 0; y < rgb.rows; y += step)
    for (int x = 0; x < rgb.cols; x += step)
      if (is_stained(rgb.ptr(y, x), brightest)) return rgb.ptr(y, x);
  return nullptr;
}

PixelRows densities_relative_to(const std::uint8_t* origin, const DensityTable& table) {
  PixelRows rows{};
  for (std::size_t c = 0; c < 3; ++c)
    for (std::size_t level = 0; level < 256; ++level) {
      rows.of[c][level][c] = table[level] - table[origin[c]];
      rows.of[c][level][3] = c == 0;
    }
  return rows;
}

}  // namespace

DensityTable density_table(double io) {
  DensityTable table;
  for (int level = 0; level < 256; ++level)
    table[static_cast<std::size_t>(level)] = -std::log((level + 1) / io);
  return table;
}

int brightest_stained(const Densitometry& light) {
  const DensityTable table = density_table(light.io);
  int level = 255;
  while (level >= 0 && table[static_cast<std::size_t>(level)] < light.beta) --level;
  return level;
}

StainedMoments stained_moments(const cv::Mat& rgb, const Densitometry& light, int step) {
  const int brightest = brightest_stained(light);
  const DensityTable table = density_table(light.io);
  const std::uint8_t* const origin = first_stained(rgb, brightest, step);
  if (!origin) return {};
  const PixelRows densities = densities_relative_to(origin, table);
  const auto add = has_avx2() ? add_row_avx2 : add_row_anywhere;
  Sums sums;
  for (int y = 0; y < rgb.rows; y += step) {
    const std::uint8_t* const row = rgb.ptr(y);
    add(row, row + 3 * static_cast<std::ptrdiff_t>(rgb.cols), step, brightest, densities, sums);
  }
  StainedMoments moments;
  moments.pixels = sums.pixels;
  const auto n = static_cast<double>(sums.pixels);
  const Double4* const products[3] = {&sums.r, &sums.g, &sums.b};
  for (int i = 0; i < 3; ++i) moments.mean[i] = (*products[i])[3] / n + table[origin[i]];
  for (int i = 0; i < 3; ++i)
    for (int j = 0; j < 3 && sums.pixels > 1; ++j)
      moments.spread(i, j) =
          ((*products[i])[j] - (*products[i])[3] * (*products[j])[3] / n) / static_cast<double>(n - 1);
  return moments;
}

bool has_stain(const StainedMoments& moments, const Densitometry& light) {
  if (moments.pixels < 2) return false;
  cv::Mat colour(1, 1, CV_8UC3);
  for (int c = 0; c < 3; ++c)
    colour.data[c] = cv::saturate_cast<std::uint8_t>(light.io * std::exp(-moments.mean[c]) - 1);
  return find_ink(colour, ink_colours()).at<std::uint8_t>(0) == 0;
}

bool has_stain(const cv::Mat& rgb, const Densitometry& light) {
  // A part of the pixels says what colour they have on average; only all of them can say that there are none.
  const StainedMoments some = stained_moments(rgb, light, 4);
  return has_stain(some.pixels >= 64 ? some : stained_moments(rgb, light), light);
}

}  // namespace flowrun::wsi
