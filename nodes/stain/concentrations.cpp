// SPDX-License-Identifier: Apache-2.0
#include "concentrations.h"

#include <algorithm>
#include <array>
#include <utility>

#include "percentile.h"
#include "tail.h"

namespace flowrun::wsi {
namespace {

constexpr double percent = 99;

/// What each grey level of each channel adds to `count` sums over the channels' densities.
template <int count>
struct Parts {
  double of[3][256][count];

  Parts(const cv::Matx<double, count, 3>& weights, const Densitometry& light) {
    const DensityTable density = density_table(light.io, light.plus_one);
    for (int c = 0; c < 3; ++c)
      for (int level = 0; level < 256; ++level)
        for (int s = 0; s < count; ++s)
          of[c][level][s] = weights(s, c) * density[static_cast<std::size_t>(level)];
  }
  double sum(const std::uint8_t* pixel, int s) const {
    return of[0][pixel[0]][s] + of[1][pixel[1]][s] + of[2][pixel[2]][s];
  }
  /// The densities fall with the grey level: the ends are the extremes.
  double least(int s) const {
    return end_sum(s, [](double a, double b) { return std::min(a, b); });
  }
  double most(int s) const {
    return end_sum(s, [](double a, double b) { return std::max(a, b); });
  }

 private:
  template <class Choose>
  double end_sum(int s, Choose choose) const {
    return choose(of[0][0][s], of[0][255][s]) + choose(of[1][0][s], of[1][255][s]) +
           choose(of[2][0][s], of[2][255][s]);
  }
};

/// The percentile of each sum.
template <int count>
cv::Vec<double, count> percentiles(const cv::Mat& rgb, const cv::Matx<double, count, 3>& weights,
                                   const Densitometry& light, double tolerance) {
  const Parts<count> parts(weights, light);
  const std::uint64_t pixels = rgb.total();
  const auto percentile = [&](int s) {
    return Percentile(percent, pixels, parts.least(s) - rounding, parts.most(s) + rounding);
  };
  auto found = [&]<int... s>(std::integer_sequence<int, s...>) {
    return std::array{percentile(s)...};
  }
  (std::make_integer_sequence<int, count>{});
  TailTest below_end;
  std::uint64_t seen = 0;
  const auto pass = [&](int step) {
    const auto terms = [&](int c, int level) {
      TailTest::Terms all{};
      for (std::size_t s = 0; s < count; ++s)
        all[s] = (found[s].end() - rounding) / 3 - parts.of[c][level][s];
      return all;
    };
    below_end.set(terms, [](int) { return false; });
    seen = 0;
    below_end.visit(rgb, step, [&](const std::uint8_t* pixel) {
      for (int s = 0; s < count; ++s) found[static_cast<std::size_t>(s)].see(parts.sum(pixel, s));
      ++seen;
    });
  };
  if (pixels >= least_to_sample) {
    pass(sample_step(rgb));  // with nothing known all of them are seen
    for (Percentile& one : found) one.guess(seen);
  }
  for (bool all = false; !all;) {
    pass(1);
    all = true;
    for (Percentile& one : found) all &= one.narrow(tolerance);
  }
  cv::Vec<double, count> values;
  for (int s = 0; s < count; ++s)
    values[s] = found[static_cast<std::size_t>(s)].value([](double number) { return number; });
  return values;
}

}  // namespace

cv::Vec2d maximum_concentrations(const cv::Mat& rgb, const StainMatrix& matrix, const Densitometry& light,
                                 double tolerance) {
  return percentiles<2>(rgb, unmixing(matrix), light, tolerance);
}

double maximum_residual(const cv::Mat& rgb, const StainMatrix& matrix, const Densitometry& light,
                        double tolerance) {
  return percentiles<1>(rgb, residual_direction(matrix).t(), light, tolerance)[0];
}

}  // namespace flowrun::wsi
