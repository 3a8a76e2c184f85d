// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "nodes/stain/density_map.h"
#include "nodes/stain/macenko.h"
#include "nodes/stain/percentile.h"
#include "nodes/stain/reinhard.h"
#include "nodes/stain/vahadane.h"
#include "stained.h"

using namespace flowrun;
using namespace flowrun::wsi;
using namespace flowrun::test;

namespace {

const Densitometry light;

/// NumPy's: linear between neighbours.
double percentile_of(std::vector<double> numbers, double percent) {
  std::ranges::sort(numbers);
  const double position = percent / 100 * static_cast<double>(numbers.size() - 1);
  const auto lower = static_cast<std::size_t>(position);
  const std::size_t upper = std::min(lower + 1, numbers.size() - 1);
  return numbers[lower] + (position - static_cast<double>(lower)) * (numbers[upper] - numbers[lower]);
}

double sought(const std::vector<double>& numbers, double percent, double tolerance, bool guess) {
  Percentile percentile(percent, numbers.size(), -10, 10);
  if (guess) {
    std::uint64_t some = 0;
    for (std::size_t i = 0; i < numbers.size(); i += 16, ++some) percentile.see(numbers[i]);
    percentile.guess(some);
  }
  do {
    for (const double number : numbers) percentile.see(number);
  } while (!percentile.narrow(tolerance));
  return percentile.value([](double number) { return number; });
}

}  // namespace

TEST_CASE("percentiles are those of the sorted numbers") {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0, 1);
  std::vector<double> many(50'000);
  for (double& number : many) number = std::clamp(normal(random), -9.0, 9.0);
  std::vector<double> sorted = many;
  std::ranges::sort(sorted);  // the worst order for a guess from every 16th of a part
  const std::vector<double> gap{-9, -9, -9, 0, 9, 9.5}, same(1000, 3.25), one{2}, two{1, 3};
  for (const auto& numbers : {many, sorted, gap, same, one, two})
    for (const double percent : {0.0, 0.5, 1.0, 33.3, 50.0, 99.0, 100.0})
      for (const bool guess : {false, true}) {
        CAPTURE(numbers.size());
        CAPTURE(percent);
        const double expected = percentile_of(numbers, percent);
        CHECK(std::abs(sought(numbers, percent, 1e-9, guess) - expected) < 2e-9);
        CHECK(std::abs(sought(numbers, percent, 1e-3, guess) - expected) < 2e-3);
      }
}

TEST_CASE("a guess that is wrong is noticed") {
  std::vector<double> numbers(16'000, 1.0);  // a sixteenth of them, all that the guess sees, is the largest
  for (std::size_t i = 0; i < numbers.size(); i += 16) numbers[i] = 5;
  CHECK(std::abs(sought(numbers, 10, 1e-9, true) - 1) < 1e-8);
}

TEST_CASE("known stains are found to within two degrees, by both methods") {
  for (const StainMatrix& matrix : {published_stains().matrix, hematoxylin_dab}) {
    const cv::Mat rgb = stained_picture(matrix);
    const auto macenko = fit_macenko(rgb, light, 1, exact_tolerance);
    const auto vahadane = fit_vahadane(rgb, light, {}, exact_tolerance);
    REQUIRE(macenko);
    REQUIRE(vahadane);
    for (int stain = 0; stain < 2; ++stain) {
      MESSAGE("macenko " << angle(macenko->matrix, matrix, stain) << " degrees, vahadane "
                         << angle(vahadane->matrix, matrix, stain));
      CHECK(angle(macenko->matrix, matrix, stain) < 2);
      CHECK(angle(vahadane->matrix, matrix, stain) < 2);
      // Uniform up to 2: the 99th percentile of two thirds of the pixels.
      CHECK(macenko->maxima[stain] == doctest::Approx(2).epsilon(0.05));
    }
  }
}

TEST_CASE("rows of a picture need not be adjacent") {
  const cv::Mat rgb = stained_picture(ruifrok, 200);
  cv::Mat wide(300, 300, CV_8UC3, cv::Scalar::all(255));
  cv::Mat inside = wide(cv::Rect(31, 17, 200, 200));
  rgb.copyTo(inside);
  const auto alone = fit_macenko(rgb, light, 1, exact_tolerance),
             within = fit_macenko(inside, light, 1, exact_tolerance);
  CHECK(alone->matrix == within->matrix);
  CHECK(alone->maxima == within->maxima);
}

TEST_CASE("where there are no two stains, none are found") {
  const auto picture = [](int side, auto colour_at) {
    cv::Mat rgb(side, side, CV_8UC3);
    for (int i = 0; i < side * side; ++i) rgb.at<cv::Vec3b>(i / side, i % side) = colour_at(i);
    return rgb;
  };
  std::mt19937 random(5);
  const auto noisy = [&](cv::Vec3b colour) {
    for (int c = 0; c < 3; ++c)
      colour[c] = cv::saturate_cast<std::uint8_t>(colour[c] + static_cast<int>(random() % 7) - 3);
    return colour;
  };
  const std::vector<cv::Mat> all{
      picture(1, [](int) { return cv::Vec3b(150, 90, 160); }),
      picture(1, [](int) { return cv::Vec3b(0, 0, 0); }),
      picture(64, [](int) { return cv::Vec3b(255, 255, 255); }),
      picture(64, [](int) { return cv::Vec3b(0, 0, 0); }),
      picture(64, [](int) { return cv::Vec3b(150, 90, 160); }),
      picture(64, [](int i) { return cv::Vec3b::all(static_cast<std::uint8_t>(i % 256)); }),
      picture(64,
              [&](int) {
                return noisy({243, 243, 245});
              }),  // glass
      picture(64,
              [&](int) {
                return noisy({20, 60, 180});
              }),  // a blue pen
      picture(64,
              [&](int) {
                return noisy({20, 140, 70});
              }),  // a green one
      picture(64,
              [&](int) {
                return noisy({3, 3, 3});
              }),
      picture(64, [](int i) { return cv::Vec3b(i % 2 ? 255 : 0, i % 2 ? 255 : 0, i % 2 ? 255 : 0); }),
      picture(64, [](int i) { return i == 100 ? cv::Vec3b(150, 90, 160) : cv::Vec3b(250, 250, 250); })};
  for (std::size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(fit_macenko(all[i], light, 1, fast_tolerance));
    CHECK_FALSE(fit_vahadane(all[i], light, {}, fast_tolerance));
    CHECK_FALSE(lab_moments(all[i], light));
  }
}

TEST_CASE("grey is no stain, however noise tints it; what is stained weakly is") {
  std::mt19937 random(5);
  const auto tinted = [&](cv::Vec3b colour, int most) {
    cv::Mat rgb(64, 64, CV_8UC3);
    for (int i = 0; i < 64 * 64; ++i)
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(i / 64, i % 64)[c] =
            cv::saturate_cast<std::uint8_t>(colour[c] + static_cast<int>(random() % (2 * most + 1)) - most);
    return rgb;
  };
  const auto stains_in = [&](const cv::Mat& rgb) {
    return std::vector<bool>{has_stain(rgb, light), fit_macenko(rgb, light, 1, fast_tolerance).has_value(),
                             fit_vahadane(rgb, light, {}, fast_tolerance).has_value(),
                             lab_moments(rgb, light).has_value()};
  };
  const std::vector<bool> none(4, false);
  for (const int level : {4, 20, 60, 90, 120, 160, 200})
    for (const int tint : {0, 1}) {
      const cv::Vec3b grey(cv::saturate_cast<std::uint8_t>(level + tint),
                           cv::saturate_cast<std::uint8_t>(level),
                           cv::saturate_cast<std::uint8_t>(level - tint));
      for (const int most : {1, 2}) {
        CAPTURE(level);
        CAPTURE(most);
        CHECK(stains_in(tinted(grey, most)) == none);
      }
    }
  for (const cv::Vec3b& pale : {cv::Vec3b(190, 180, 198), cv::Vec3b(200, 186, 196)})
    CHECK(has_stain(tinted(pale, 1), light));
}

TEST_CASE("a speck is not measured, a twentieth of the pixels is") {
  cv::Mat rgb(256, 256, CV_8UC3);
  std::mt19937 random(9);
  std::normal_distribution<double> noise(0, 1.5);
  for (int i = 0; i < 256 * 256; ++i)
    for (int c = 0; c < 3; ++c)
      rgb.at<cv::Vec3b>(i / 256, i % 256)[c] = cv::saturate_cast<std::uint8_t>(238 + noise(random));
  const auto with = [&](int rows) {
    cv::Mat picture = rgb.clone();
    stained_picture(published_stains().matrix).rowRange(0, rows).copyTo(picture.rowRange(100, 100 + rows));
    return picture;
  };
  for (const int rows : {1, 4, 12}) {  // 0.4, 1.6 and 4.7 % of it
    CAPTURE(rows);
    CHECK_FALSE(fit_macenko(with(rows), light, 1, fast_tolerance));
    CHECK_FALSE(fit_vahadane(with(rows), light, {}, fast_tolerance));
    CHECK_FALSE(lab_moments(with(rows), light));
  }
  CHECK(fit_macenko(with(20), light, 1, fast_tolerance));
  CHECK(fit_vahadane(with(20), light, {}, fast_tolerance));
  CHECK(lab_moments(with(20), light));
}

TEST_CASE("blue hematoxylin and blood are stain, pens and frames are not") {
  // Beer-Lambert with amounts from 0.2 to 2.6 of hematoxylin from Ruifrok's to the bluest that QuPath
  // estimates, and of blood in one cell and in many.
  const auto stained_by = [](const cv::Vec3d& od) {
    cv::Mat rgb(64, 64, CV_8UC3);
    for (int i = 0; i < 64 * 64; ++i)
      for (int c = 0; c < 3; ++c)
        rgb.at<cv::Vec3b>(i / 64, i % 64)[c] =
            cv::saturate_cast<std::uint8_t>(240 * std::exp(-od[c] / cv::norm(od) * (0.2 + 2.4 * i / 4096) -
                                                           (c == 1 ? 0.1 + i % 64 / 320.0 : 0.05)) -
                                            1);
    return rgb;
  };
  for (const cv::Vec3d& od :
       {cv::Vec3d(0.65, 0.70, 0.29), cv::Vec3d(0.72, 0.64, 0.27), cv::Vec3d(0.76, 0.60, 0.25),
        cv::Vec3d(0.82, 0.53, 0.22), cv::Vec3d(0.2, 0.8, 0.6), cv::Vec3d(0.25, 0.85, 0.8)}) {
    CAPTURE(od);
    CHECK(has_stain(stained_by(od), light));
    CHECK(fit_macenko(stained_by(od), light, 1, fast_tolerance));
  }
  for (const cv::Scalar& pen : {cv::Scalar(20, 60, 180), cv::Scalar(20, 140, 70), cv::Scalar(200, 30, 40),
                                cv::Scalar(25, 25, 30), cv::Scalar(2, 1, 3)})
    CHECK_FALSE(has_stain(cv::Mat(64, 64, CV_8UC3, pen), light));
}

TEST_CASE("densities are mapped as the formula says") {
  std::mt19937 random(11);
  cv::Mat rgb(37, 101, CV_8UC3);
  for (int i = 0; i < static_cast<int>(rgb.total() * 3); ++i)
    rgb.data[i] = static_cast<std::uint8_t>(random());
  const cv::Matx33d usual(0.7, 0.2, -0.1, 0.1, 0.8, 0.3, -0.2, 0.1, 0.9), steep = usual * 40.0;
  const cv::Vec3d offset(0.1, -0.05, 0);
  for (const cv::Matx33d& matrix : {usual, steep}) {
    cv::Mat mapped = rgb.clone();
    DensityMap(matrix, offset, 240, 0.5).apply(mapped);
    int differ = 0;
    for (int i = 0; i < static_cast<int>(rgb.total()); ++i) {
      const auto& p = rgb.at<cv::Vec3b>(i / rgb.cols, i % rgb.cols);
      cv::Vec3d od;
      for (int c = 0; c < 3; ++c) od[c] = -std::log((p[c] + 1) / 240.0);
      const cv::Vec3d changed = matrix * od + offset;
      for (int c = 0; c < 3; ++c) {
        const auto expected = static_cast<int>(std::clamp(240 * std::exp(-changed[c]) + 0.5, 0.0, 255.0));
        const int off = std::abs(mapped.at<cv::Vec3b>(i / rgb.cols, i % rgb.cols)[c] - expected);
        CHECK_MESSAGE(off <= 1, i);
        differ += off;
      }
    }
    CHECK(differ < 5);
  }
  cv::Mat same = rgb.clone();
  DensityMap(cv::Matx33d::eye(), {}, 240, -0.5).apply(same);
  CHECK(cv::norm(same, rgb, cv::NORM_INF) == 0);
}
