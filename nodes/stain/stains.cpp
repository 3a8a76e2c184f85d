// SPDX-License-Identifier: Apache-2.0
#include "stains.h"

#include <opencv2/core.hpp>

namespace flowrun::wsi {

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

bool usable(const Stains& stains) {
  constexpr double least_angle = 1e-3, least_maximum = 1e-6;
  const StainMatrix& m = stains.matrix;
  const cv::Vec3d first(m(0, 0), m(1, 0), m(2, 0)), second(m(0, 1), m(1, 1), m(2, 1));
  const double angle = cv::norm(first.cross(second));
  // Written so that what is no number is not usable.
  return angle >= least_angle && stains.maxima[0] >= least_maximum && stains.maxima[1] >= least_maximum;
}

}  // namespace flowrun::wsi
