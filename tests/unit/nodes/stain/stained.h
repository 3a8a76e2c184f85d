// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cmath>
#include <opencv2/core.hpp>
#include <random>

#include "nodes/stain/stains.h"

namespace flowrun::test {

/// A picture made of known stains by the Beer-Lambert law: a third of it has hematoxylin alone, a third eosin
/// alone, the rest both, in amounts up to 2; then noise of one grey level and rounding.
inline cv::Mat stained_picture(const wsi::StainMatrix& matrix, int side = 256, double io = 240) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> amount(0.4, 2);
  std::normal_distribution<double> noise(0, 1);
  cv::Mat rgb(side, side, CV_8UC3);
  for (int i = 0; i < side * side; ++i) {
    const cv::Vec2d c(i % 3 == 1 ? 0 : amount(random), i % 3 == 0 ? 0 : amount(random));
    const cv::Vec3d od = matrix * c;
    for (int k = 0; k < 3; ++k)
      rgb.at<cv::Vec3b>(i / side, i % side)[k] =
          cv::saturate_cast<std::uint8_t>(io * std::exp(-od[k]) - 1 + noise(random));
  }
  return rgb;
}

/// Degrees between the colours of two stains.
inline double angle(const wsi::StainMatrix& a, const wsi::StainMatrix& b, int stain) {
  const cv::Vec3d x(a(0, stain), a(1, stain), a(2, stain)), y(b(0, stain), b(1, stain), b(2, stain));
  return std::acos(x.dot(y) / cv::norm(x) / cv::norm(y)) * 180 / CV_PI;
}

/// Hematoxylin with eosin and with DAB, Ruifrok and Johnston (2001). In the first, eosin alone is below the
/// usual beta in the red channel.
inline const wsi::StainMatrix ruifrok{0.65, 0.07, 0.70, 0.99, 0.29, 0.11};
inline const wsi::StainMatrix hematoxylin_dab{0.650, 0.268, 0.704, 0.570, 0.286, 0.776};

}  // namespace flowrun::test
