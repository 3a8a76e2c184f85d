// SPDX-License-Identifier: Apache-2.0
#include "stains.h"

#include <cmath>
#include <opencv2/core.hpp>

namespace flowrun::wsi {
namespace {

cv::Vec3d colour(const StainMatrix& matrix, int stain) {
  return {matrix(0, stain), matrix(1, stain), matrix(2, stain)};
}

}  // namespace

StainMatrix of_unit_length(const StainMatrix& matrix) {
  StainMatrix out = matrix;
  for (int s = 0; s < 2; ++s) {
    const double length = cv::norm(matrix.col(s));
    for (int c = 0; c < 3; ++c) out(c, s) /= length;
  }
  return out;
}

Unmixing unmixing(const StainMatrix& matrix) {
  return (matrix.t() * matrix).inv() * matrix.t();
}

cv::Vec3d residual_direction(const StainMatrix& matrix) {
  return cv::normalize(colour(matrix, 0).cross(colour(matrix, 1)));
}

Stains ordered_as(const StainMatrix& known, const Stains& stains) {
  const StainMatrix& m = stains.matrix;
  const auto nearness = [&](int stain) { return std::abs(colour(known, 0).dot(colour(m, stain))); };
  if (nearness(0) >= nearness(1)) return stains;
  return {{m(0, 1), m(0, 0), m(1, 1), m(1, 0), m(2, 1), m(2, 0)}, {stains.maxima[1], stains.maxima[0]}};
}

bool usable(const Stains& stains) {
  constexpr double least_angle = 1e-3, least_maximum = 1e-6;
  const double angle = cv::norm(colour(stains.matrix, 0).cross(colour(stains.matrix, 1)));
  // Written so that what is no number is not usable.
  return angle >= least_angle && stains.maxima[0] >= least_maximum && stains.maxima[1] >= least_maximum &&
         (!stains.residual || std::abs(*stains.residual) >= least_maximum);
}

}  // namespace flowrun::wsi
