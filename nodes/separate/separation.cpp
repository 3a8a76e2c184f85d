// SPDX-License-Identifier: Apache-2.0
#include "separation.h"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "nodes/stain/stain_colours.h"

namespace flowrun::wsi {
namespace {

/// 255 exp(-c), rounded, by steps of 1/1024 of c: far finer than a grey level.
class Transmission {
 public:
  Transmission() {
    for (std::size_t i = 0; i < levels_.size(); ++i)
      levels_[i] = static_cast<std::uint8_t>(std::lround(255 * std::exp(-static_cast<double>(i) / steps)));
  }
  std::uint8_t of(double concentration) const {
    return levels_[static_cast<std::size_t>(std::clamp(concentration, 0.0, most) * steps + 0.5)];
  }

 private:
  static constexpr double steps = 1024, most = 7;  // 255 exp(-7) is less than half a level
  std::array<std::uint8_t, 7 * 1024 + 2> levels_{};
};

StainMatrix beside(const cv::Vec3d& first, const cv::Vec3d& second) {
  return {first[0], second[0], first[1], second[1], first[2], second[2]};
}

}  // namespace

StainMatrix hematoxylin_eosin() {
  return beside(hematoxylin, eosin);
}
StainMatrix hematoxylin_dab() {
  return beside(hematoxylin, dab);
}

Separation::Separation(const StainMatrix& matrix, const Densitometry& light, double positive_od)
    : light_(light), positive_od_(positive_od) {
  // Least squares is what is left when the third colour is at right angles to both.
  const Unmixing unmix = unmixing(of_unit_length(matrix));
  const DensityTable density = density_table(light.io);  // glass brighter than io has none
  for (int c = 0; c < 3; ++c)
    for (std::size_t level = 0; level < 256; ++level)
      for (int s = 0; s < 2; ++s)
        terms_[static_cast<std::size_t>(c)][level][static_cast<std::size_t>(s)] =
            unmix(s, c) * std::max(0.0, density[level]);
}

std::array<StainAmount, 2> Separation::apply(const cv::Mat& rgb, cv::Mat& first, cv::Mat& second) const {
  static const Transmission transmission;
  const int brightest = brightest_stained(light_);
  first.create(rgb.size(), CV_8UC1);
  second.create(rgb.size(), CV_8UC1);
  double sums[2] = {};
  std::int64_t positive[2] = {}, stained = 0;
  for (int y = 0; y < rgb.rows; ++y) {
    const std::uint8_t* pixel = rgb.ptr(y);
    std::uint8_t* const out[2] = {first.ptr(y), second.ptr(y)};
    for (int x = 0; x < rgb.cols; ++x, pixel += 3) {
      const bool has_stain = std::min({pixel[0], pixel[1], pixel[2]}) <= brightest;
      stained += has_stain;
      for (std::size_t s = 0; s < 2; ++s) {
        const double c = terms_[0][pixel[0]][s] + terms_[1][pixel[1]][s] + terms_[2][pixel[2]][s];
        sums[s] += std::max(0.0, c);
        positive[s] += has_stain && c >= positive_od_;
        out[s][x] = transmission.of(c);
      }
    }
  }
  std::array<StainAmount, 2> amounts;
  for (std::size_t s = 0; s < 2; ++s) {
    amounts[s].mean_od = sums[s] / static_cast<double>(rgb.total());
    amounts[s].positive = stained > 0 ? static_cast<double>(positive[s]) / static_cast<double>(stained) : 0;
  }
  return amounts;
}

}  // namespace flowrun::wsi
