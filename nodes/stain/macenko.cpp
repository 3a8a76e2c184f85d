// SPDX-License-Identifier: Apache-2.0
#include "macenko.h"

#include <cmath>
#include <numbers>
#include <opencv2/core.hpp>

#include "concentrations.h"
#include "percentile.h"
#include "tail.h"

namespace flowrun::wsi {
namespace {

/// Grows with the angle of (x, y) from -pi to pi, from -2 to 2, and costs no arctangent. One unit is 1 to 2
/// radians.
double pseudo_angle(double x, double y) {
  const double cosine = x / (std::abs(x) + std::abs(y));
  return y >= 0 ? 1 - cosine : cosine - 1;
}
double angle_of(double pseudo) {
  const double x = 1 - std::abs(pseudo);
  return std::atan2(std::copysign(1 - std::abs(x), pseudo), x);
}

/// The two largest principal components, each pointing to where the pixels are.
struct Plane {
  cv::Vec3d second, first;
};

Plane plane_of(const StainedMoments& moments) {
  cv::Vec3d values;
  cv::Matx33d vectors;  // in rows, the largest first
  cv::eigen(moments.spread, values, vectors);
  const auto towards_pixels = [&](int row) {
    const cv::Vec3d v(vectors(row, 0), vectors(row, 1), vectors(row, 2));
    return v.dot(moments.mean) < 0 ? -v : v;
  };
  return {towards_pixels(1), towards_pixels(0)};
}

/// The percentiles of the angles of stained pixels in the plane.
class Fan {
 public:
  Fan(const cv::Mat& rgb, const Densitometry& light, const Plane& plane, std::int64_t stained, double alpha)
      : rgb_(rgb),
        density_(density_table(light.io, light.plus_one)),
        brightest_(brightest_stained(light)),
        plane_(plane),
        low_(alpha, static_cast<std::uint64_t>(stained), -2, 2),
        high_(100 - alpha, static_cast<std::uint64_t>(stained), -2, 2) {}

  void find(double tolerance) {
    if (rgb_.total() >= least_to_sample) {
      const std::uint64_t some = pass(sample_step(rgb_));
      if (some > 0) low_.guess(some), high_.guess(some);
    }
    for (bool low = false, high = false; !low || !high;) {
      pass(1);
      low = low_.narrow(tolerance / 2);
      high = high_.narrow(tolerance / 2);
    }
  }
  double low() const { return low_.value(angle_of); }
  double high() const { return high_.value(angle_of); }

 private:
  /// Sees the pixels at the edges; says how many.
  std::uint64_t pass(int step) {
    set_test();
    std::uint64_t seen = 0;
    between_.visit(rgb_, step, [&](const std::uint8_t* pixel) {
      const cv::Vec3d density(density_[pixel[0]], density_[pixel[1]], density_[pixel[2]]);
      if (density == cv::Vec3d()) return;  // glass: it has no angle, and counts as one between the edges
      const double angle = pseudo_angle(density.dot(plane_.second), density.dot(plane_.first));
      low_.see(angle);
      high_.see(angle);
      ++seen;
    });
    return seen;
  }

  /// A pixel needs not be seen when it lies between two lines through the origin, or when a channel is too
  /// bright.
  void set_test() {
    const double low = angle_of(std::min(low_.end() + rounding, 2.0));
    const double high = angle_of(std::max(high_.end() - rounding, -2.0));
    const bool all = low <= 0 || low >= std::numbers::pi || high <= 0 || high >= std::numbers::pi;
    const cv::Vec3d above_low = plane_.first * std::cos(low) - plane_.second * std::sin(low);
    const cv::Vec3d below_high = plane_.second * std::sin(high) - plane_.first * std::cos(high);
    between_.set(
        [&](int c, int level) {
          const double density = density_[static_cast<std::size_t>(level)];
          if (all) return TailTest::Terms{-1, -1, -1};
          return TailTest::Terms{above_low[c] * density, below_high[c] * density, plane_.first[c] * density};
        },
        [&](int level) { return level > brightest_; });
  }

  const cv::Mat& rgb_;
  const DensityTable density_;
  const int brightest_;
  const Plane plane_;
  Percentile low_, high_;
  TailTest between_;
};

}  // namespace

std::optional<Stains> fit_macenko(const cv::Mat& rgb, const Densitometry& light, double alpha,
                                  double tolerance) {
  const StainedMoments moments = stained_moments(rgb, light);
  if (!is_measurable(moments, rgb.total(), light)) return {};
  const Plane plane = plane_of(moments);
  Fan fan(rgb, light, plane, moments.pixels, alpha);
  fan.find(tolerance);
  const auto edge = [&](double angle) {
    return cv::Vec3d(plane.second * std::cos(angle) + plane.first * std::sin(angle));
  };
  cv::Vec3d hematoxylin = edge(fan.low()), eosin = edge(fan.high());
  if (hematoxylin[0] <= eosin[0]) std::swap(hematoxylin, eosin);  // it takes more of the red light
  Stains stains{{}, {1, 1}};
  for (int c = 0; c < 3; ++c) {
    stains.matrix(c, 0) = hematoxylin[c];
    stains.matrix(c, 1) = eosin[c];
  }
  if (!usable(stains)) return {};
  stains.maxima = maximum_concentrations(rgb, stains.matrix, light, rougher_concentrations * tolerance);
  return usable(stains) ? std::optional(stains) : std::nullopt;
}

}  // namespace flowrun::wsi
