// SPDX-License-Identifier: Apache-2.0
#include "vahadane.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "concentrations.h"

namespace flowrun::wsi {
namespace {

constexpr double most_pixels = 65536;
constexpr int descents = 20;  // of W in each round: each costs a few products, a round all pixels

/// What W depends on: products of concentrations with each other and with densities, summed over pixels.
struct Products {
  cv::Matx22d hh;
  cv::Matx<double, 3, 2> vh;
};

/// Sums over the stained pixels at the concentrations that are best for `w`.
Products products_at(const cv::Mat& rgb, int step, int brightest, const DensityTable& density,
                     const StainMatrix& w, double sparsity) {
  const double a0 = w(0, 0), a1 = w(1, 0), a2 = w(2, 0), b0 = w(0, 1), b1 = w(1, 1), b2 = w(2, 1);
  const double both = a0 * b0 + a1 * b1 + a2 * b2, scale = 1 / (1 - both * both);
  double hh00 = 0, hh01 = 0, hh11 = 0;
  double vh[3][2] = {};
  for (int y = 0; y < rgb.rows; y += step) {
    const std::uint8_t* pixel = rgb.ptr(y);
    for (int x = 0; x < rgb.cols; x += step, pixel += 3 * step) {
      if (std::max({pixel[0], pixel[1], pixel[2]}) > brightest) continue;
      const double v0 = density[pixel[0]], v1 = density[pixel[1]], v2 = density[pixel[2]];
      const double a = a0 * v0 + a1 * v1 + a2 * v2 - sparsity, b = b0 * v0 + b1 * v1 + b2 * v2 - sparsity;
      double h0 = (a - both * b) * scale, h1 = (b - both * a) * scale;
      // Where one would be negative it is nothing, and the other what is best alone.
      if (h0 < 0) h0 = 0, h1 = std::max(b, 0.0);
      if (h1 < 0) h1 = 0, h0 = std::max(a, 0.0);
      hh00 += h0 * h0, hh01 += h0 * h1, hh11 += h1 * h1;
      vh[0][0] += v0 * h0, vh[1][0] += v1 * h0, vh[2][0] += v2 * h0;
      vh[0][1] += v0 * h1, vh[1][1] += v1 * h1, vh[2][1] += v2 * h1;
    }
  }
  return {{hh00, hh01, hh01, hh11}, {vh[0][0], vh[0][1], vh[1][0], vh[1][1], vh[2][0], vh[2][1]}};
}

/// One column of W that is best while the other stays; false when there is nothing of its stain.
bool descend(StainMatrix& w, const Products& sums, int j) {
  if (sums.hh(j, j) <= 0) return false;
  cv::Vec3d column;
  for (int c = 0; c < 3; ++c) {
    const double residue = sums.vh(c, j) - w(c, 0) * sums.hh(0, j) - w(c, 1) * sums.hh(1, j);
    column[c] = std::max(0.0, w(c, j) + residue / sums.hh(j, j));
  }
  const double length = cv::norm(column);
  if (length <= 0) return false;
  for (int c = 0; c < 3; ++c) w(c, j) = column[c] / length;
  return true;
}

}  // namespace

std::optional<Stains> fit_vahadane(const cv::Mat& rgb, const Densitometry& light, const SparseSearch& search,
                                   double tolerance) {
  if (!has_stain(rgb, light)) return {};
  const DensityTable density = density_table(light.io);
  const int brightest = brightest_stained(light);
  const int step =
      std::max(1, static_cast<int>(std::ceil(std::sqrt(static_cast<double>(rgb.total()) / most_pixels))));
  StainMatrix w = published_stains().matrix;
  for (int j = 0; j < 2; ++j) {
    const double length = cv::norm(w.col(j));
    for (int c = 0; c < 3; ++c) w(c, j) /= length;
  }
  for (int round = 0; round < search.max_rounds; ++round) {
    const Products sums = products_at(rgb, step, brightest, density, w, search.sparsity);
    const StainMatrix before = w;
    for (int i = 0; i < descents; ++i)
      if (!descend(w, sums, 0) || !descend(w, sums, 1)) return {};
    if (!usable({w, {1, 1}})) return {};
    if (cv::norm(w - before, cv::NORM_INF) <= search.tolerance) break;
  }
  if (w(0, 0) <= w(0, 1))
    for (int c = 0; c < 3; ++c) std::swap(w(c, 0), w(c, 1));
  const Stains stains{w, maximum_concentrations(rgb, w, light, tolerance)};
  return usable(stains) ? std::optional(stains) : std::nullopt;
}

}  // namespace flowrun::wsi
