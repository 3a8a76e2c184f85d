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
  Double4 r{}, g{}, b{}, rr{}, rg{}, rb{}, gg{}, gb{}, bb{};
  Long4 pixels{};

  FLOWRUN_IN_EACH_TARGET void add(const Double4& od_r, const Double4& od_g, const Double4& od_b,
                                  const Long4& stained) {
    pixels -= stained;
    r += od_r, g += od_g, b += od_b;
    rr += od_r * od_r, rg += od_r * od_g, rb += od_r * od_b;
    gg += od_g * od_g, gb += od_g * od_b, bb += od_b * od_b;
  }
};

bool is_stained(const std::uint8_t* pixel, int brightest) {
  return std::max({pixel[0], pixel[1], pixel[2]}) <= brightest;
}

const std::uint8_t* first_stained(const cv::Mat& rgb, int brightest, int step) {
  for (int y = 0; y < rgb.rows; y += step)
    for (int x = 0; x < rgb.cols; x += step)
      if (is_stained(rgb.ptr(y, x), brightest)) return rgb.ptr(y, x);
  return nullptr;
}

}  // namespace

DensityTable density_table(double io, bool plus_one) {
  constexpr double least = 1e-6;  // TIAToolbox's
  DensityTable table;
  for (int level = 0; level < 256; ++level)
    table[static_cast<std::size_t>(level)] =
        plus_one ? -std::log((level + 1) / io) : std::max(least, -std::log(std::max(level, 1) / io));
  return table;
}

int brightest_stained(const Densitometry& light) {
  const DensityTable table = density_table(light.io, light.plus_one);
  int level = 255;
  while (level >= 0 && table[static_cast<std::size_t>(level)] < light.beta) --level;
  return level;
}

StainedMoments stained_moments(const cv::Mat& rgb, const Densitometry& light, int step) {
  const int brightest = brightest_stained(light);
  const DensityTable table = density_table(light.io, light.plus_one);
  const std::uint8_t* const origin = first_stained(rgb, brightest, step);
  if (!origin) return {};
  Sums sums;
  StainedDensities(light, origin).add(rgb, step, sums);
  StainedMoments moments;
  moments.pixels = total(sums.pixels);
  const auto n = static_cast<double>(moments.pixels);
  const double once[3] = {total(sums.r), total(sums.g), total(sums.b)};
  const double twice[3][3] = {{total(sums.rr), total(sums.rg), total(sums.rb)},
                              {total(sums.rg), total(sums.gg), total(sums.gb)},
                              {total(sums.rb), total(sums.gb), total(sums.bb)}};
  for (int i = 0; i < 3; ++i) {
    moments.mean[i] = once[i] / n + table[origin[i]];
    for (int j = 0; j < 3 && moments.pixels > 1; ++j)
      moments.spread(i, j) = (twice[i][j] - once[i] * once[j] / n) / (n - 1);
  }
  return moments;
}

bool is_grey(const StainedMoments& moments) {
  constexpr double least_sine = 0.1;  // to the grey axis; hematoxylin has 0.2, eosin 0.4
  const cv::Matx33d across = cv::Matx33d::eye() - cv::Matx33d::ones() * (1 / 3.0);
  const double chroma = cv::norm(across * moments.mean, cv::NORM_L2SQR) + cv::trace(across * moments.spread);
  const double all = cv::norm(moments.mean, cv::NORM_L2SQR) + cv::trace(moments.spread);
  return chroma < least_sine * least_sine * all;
}

bool has_stain(const StainedMoments& moments, const Densitometry& light) {
  if (moments.pixels < 2 || is_grey(moments)) return false;
  cv::Mat colour(1, 1, CV_8UC3);
  for (int c = 0; c < 3; ++c)
    colour.data[c] =
        cv::saturate_cast<std::uint8_t>(light.io * std::exp(-moments.mean[c]) - (light.plus_one ? 1 : 0));
  return find_ink(colour, ink_colours()).at<std::uint8_t>(0) == 0;
}

bool is_measurable(const StainedMoments& moments, std::size_t all, const Densitometry& light) {
  return static_cast<double>(moments.pixels) >= least_stained_share * static_cast<double>(all) &&
         has_stain(moments, light);
}

bool has_stain(const cv::Mat& rgb, const Densitometry& light) {
  // A part of the pixels says what colour they have on average; only all of them can say that there are none.
  const StainedMoments some = stained_moments(rgb, light, 4);
  return has_stain(some.pixels >= 64 ? some : stained_moments(rgb, light), light);
}

}  // namespace flowrun::wsi
