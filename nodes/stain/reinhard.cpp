// SPDX-License-Identifier: Apache-2.0
#include "reinhard.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>

namespace flowrun::wsi {
namespace {

constexpr int pixels_at_once = 1024;
constexpr double least_deviation = 1e-6;

/// Reinhard et al. (2001), equation 4 after 3, and equation 6.
const cv::Matx33d rgb_to_lms(0.3811, 0.5783, 0.0402, 0.1967, 0.7244, 0.0782, 0.0241, 0.1288, 0.8444);
const cv::Matx33d lms_to_lab =
    cv::Matx33d::diag({1 / std::sqrt(3.0), 1 / std::sqrt(6.0), 1 / std::sqrt(2.0)}) *
    cv::Matx33d(1, 1, 1, 1, 1, -2, 1, -1, 0);

/// Two buffers for a piece of a row.
struct Piece {
  std::array<float, 3 * pixels_at_once> first, second;
};

/// Calls `work(pixels, logarithms of L, M, S, the other buffer)` for the picture piece by piece, each one row
/// high.
template <class Work>
void for_each_piece(const cv::Mat& rgb, Work&& work) {
  Piece piece;
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; x += pixels_at_once) {
      cv::Mat pixels = rgb(cv::Range(y, y + 1), cv::Range(x, std::min(rgb.cols, x + pixels_at_once)));
      cv::Mat a(pixels.size(), CV_32FC3, piece.first.data()), b(pixels.size(), CV_32FC3, piece.second.data());
      pixels.convertTo(a, CV_32F);
      cv::max(a.reshape(1), 1.0, a.reshape(1));
      cv::transform(a, b, rgb_to_lms);
      cv::log(b, a);
      work(pixels, a, b);
    }
}

}  // namespace

std::optional<LabMoments> lab_moments(const cv::Mat& rgb, const Densitometry& light) {
  if (!has_stain(rgb, light)) return {};
  const int brightest = brightest_stained(light);
  const cv::Vec3d origin = lms_to_lab * cv::Vec3d::all(std::log(128.0));  // keeps the sums of squares small
  cv::Vec3d sum, squares;
  double count = 0;
  for_each_piece(rgb, [&](const cv::Mat& pixels, const cv::Mat& logarithms, cv::Mat& lab) {
    cv::transform(logarithms, lab, lms_to_lab);
    for (int x = 0; x < pixels.cols; ++x) {
      const auto& pixel = pixels.at<cv::Vec3b>(x);
      if (std::max({pixel[0], pixel[1], pixel[2]}) > brightest) continue;
      const cv::Vec3d value = cv::Vec3d(lab.at<cv::Vec3f>(x)) - origin;
      sum += value;
      squares += value.mul(value);
      ++count;
    }
  });
  if (count < 2 || count < least_stained_share * static_cast<double>(rgb.total())) return {};
  LabMoments moments{origin + sum / count, {}};
  for (int i = 0; i < 3; ++i) {
    moments.deviation[i] = std::sqrt(std::max(0.0, squares[i] / count - sum[i] / count * (sum[i] / count)));
    if (moments.deviation[i] < least_deviation) return {};
  }
  return moments;
}

LabTransfer::LabTransfer(const LabMoments& from, const LabMoments& to) {
  const cv::Matx33d lab_to_lms = lms_to_lab.inv();
  cv::Vec3d scale;
  cv::divide(to.deviation, from.deviation, scale);
  const cv::Matx33d linear = lab_to_lms * cv::Matx33d::diag(scale) * lms_to_lab;
  const cv::Vec3d constant = lab_to_lms * (to.mean - scale.mul(from.mean));
  cv::hconcat(linear, constant, logarithms_);
}

void LabTransfer::apply(cv::Mat& rgb) const {
  const cv::Matx33d lms_to_rgb = rgb_to_lms.inv();
  for_each_piece(rgb, [&](cv::Mat& pixels, cv::Mat& a, cv::Mat& b) {
    cv::transform(a, b, logarithms_);
    cv::exp(b, a);
    cv::transform(a, b, lms_to_rgb);
    b.convertTo(pixels, CV_8U);  // cut to 0..255 and rounded; the size fits: written in place
  });
}

}  // namespace flowrun::wsi
