// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <opencv2/core/mat.hpp>

namespace flowrun::wsi {

/// How optical densities are taken from pixels: od = -ln((p + 1) / io) for each of R, G, B, as in the code
/// that the authors of Macenko et al. (ISBI 2009) published. Natural logarithm throughout.
struct Densitometry {
  double io = 240;       ///< light that glass lets through, grey levels
  double beta = 0.15;    ///< a pixel is stained when none of its densities is below this
  bool plus_one = true;  ///< else od = -ln(p / io), black counts as 1, and no density is below 1e-6
};

using DensityTable = std::array<double, 256>;  ///< by grey level

DensityTable density_table(double io, bool plus_one = true);
/// The brightest grey level whose density is not below beta; -1: there is none.
int brightest_stained(const Densitometry& light);

/// Sums over the stained pixels of a picture.
struct StainedMoments {
  std::int64_t pixels = 0;
  cv::Vec3d mean;      ///< optical density of R, G, B
  cv::Matx33d spread;  ///< covariance of the densities, of a sample (n - 1)
};

/// Of each `step`-th pixel of each `step`-th row of `rgb` (rows x cols x 3, 8 bit) in one pass, without
/// memory of its own beyond 32 KiB. Sums are kept in double precision relative to the first stained pixel, so
/// that pixels of one colour have no spread at all. Thread-safe.
StainedMoments stained_moments(const cv::Mat& rgb, const Densitometry& light, int step = 1);

/// Whether there is stain: at least two stained pixels, which are not all grey (some tint of noise aside),
/// and on average not of a pen's colour, nor black as a frame (see find_ink). Thread-safe.
bool has_stain(const cv::Mat& rgb, const Densitometry& light);
bool has_stain(const StainedMoments& moments, const Densitometry& light);

/// Of so many pixels this share must be stained for stains to be measured: the 99th percentiles of all pixels
/// that stand for a stain are the 80th of the stained ones then. Of fewer they would be noise of the glass.
constexpr double least_stained_share = 0.05;
/// Whether stains can be measured from pixels, `all` of them looked at.
bool is_measurable(const StainedMoments& moments, std::size_t all, const Densitometry& light);

}  // namespace flowrun::wsi
