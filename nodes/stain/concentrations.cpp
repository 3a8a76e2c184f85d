// SPDX-License-Identifier: Apache-2.0
#include "concentrations.h"

#include <algorithm>

#include "percentile.h"
#include "tail.h"

namespace flowrun::wsi {
namespace {

constexpr double percent = 99;

/// What each grey level of each channel adds to the concentrations of both stains.
struct Parts {
  double of[3][256][2];

  Parts(const StainMatrix& matrix, const Densitometry& light) {
    const Unmixing unmix = unmixing(matrix);
    const DensityTable density = density_table(light.io, light.plus_one);
    for (int c = 0; c < 3; ++c)
      for (int level = 0; level < 256; ++level)
        for (int s = 0; s < 2; ++s) of[c][level][s] = unmix(s, c) * density[static_cast<std::size_t>(level)];
  }
  double sum(const std::uint8_t* pixel, int stain) const {
    return of[0][pixel[0]][stain] + of[1][pixel[1]][stain] + of[2][pixel[2]][stain];
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

}  // namespace

cv::Vec2d maximum_concentrations(const cv::Mat& rgb, const StainMatrix& matrix, const Densitometry& light,
                                 double tolerance) {
  const Parts parts(matrix, light);
  const std::uint64_t pixels = rgb.total();
  const auto percentile = [&](int s) {
    return Percentile(percent, pixels, parts.least(s) - rounding, parts.most(s) + rounding);
  };
  Percentile found[2] = {percentile(0), percentile(1)};
  TailTest below_end;
  std::uint64_t seen = 0;
  const auto pass = [&](int step) {
    const auto terms = [&](int c, int level) {
      return TailTest::Terms{(found[0].end() - rounding) / 3 - parts.of[c][level][0],
                             (found[1].end() - rounding) / 3 - parts.of[c][level][1], 0};
    };
    below_end.set(terms, [](int) { return false; });
    seen = 0;
    below_end.visit(rgb, step, [&](const std::uint8_t* pixel) {
      for (int s = 0; s < 2; ++s) found[s].see(parts.sum(pixel, s));
      ++seen;
    });
  };
  if (pixels >= least_to_sample) {
    pass(sample_step(rgb));  // with nothing known all of them are seen
    for (Percentile& one : found) one.guess(seen);
  }
  for (bool first = false, second = false; !first || !second;) {
    pass(1);
    first = found[0].narrow(tolerance);
    second = found[1].narrow(tolerance);
  }
  const auto itself = [](double number) { return number; };
  return {found[0].value(itself), found[1].value(itself)};
}

}  // namespace flowrun::wsi
