// SPDX-License-Identifier: Apache-2.0
#include "reinhard.h"

#include <flowrun/error.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/core.hpp>
#include <stdexcept>

#include "cielab.h"

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

/// Calls `work(pixels, one buffer, the other)` for the picture piece by piece, each one row high.
template <class Work>
void for_each_piece(const cv::Mat& rgb, Work&& work) {
  Piece piece;
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; x += pixels_at_once) {
      cv::Mat pixels = rgb(cv::Range(y, y + 1), cv::Range(x, std::min(rgb.cols, x + pixels_at_once)));
      cv::Mat a(pixels.size(), CV_32FC3, piece.first.data()), b(pixels.size(), CV_32FC3, piece.second.data());
      work(pixels, a, b);
    }
}

/// Natural logarithms of L, M, S.
void to_logarithms(const cv::Mat& pixels, cv::Mat& logarithms, cv::Mat& other) {
  pixels.convertTo(logarithms, CV_32F);
  cv::max(logarithms.reshape(1), 1.0, logarithms.reshape(1));
  cv::transform(logarithms, other, rgb_to_lms);
  cv::log(other, logarithms);
}

cv::Mat steps_in(cv::Mat& buffer) {
  return {buffer.size(), CV_8UC3, buffer.data};
}

/// Fills `lab`; overwrites `other`.
void to_space(LabSpace space, const cv::Mat& pixels, cv::Mat& lab, cv::Mat& other) {
  cv::Mat steps = steps_in(other);
  switch (space) {
    case LabSpace::ruderman:
      to_logarithms(pixels, other, lab);
      cv::transform(other, lab, lms_to_lab);
      break;
    case LabSpace::cielab:
      to_cielab(pixels, lab);
      break;
    case LabSpace::cielab_8bit:
      to_cielab_8bit(pixels, lab, steps);
      break;
  }
}

/// What the sums of squares are relative to, which keeps them small.
cv::Vec3d origin_of(LabSpace space) {
  if (space == LabSpace::ruderman) return lms_to_lab * cv::Vec3d::all(std::log(128.0));
  return {60, 0, 0};
}

constexpr const char* space_names[] = {"ruderman", "cielab", "cielab_8bit"};

}  // namespace

LabSpace lab_space(const std::string& name) {
  for (const LabSpace space : {LabSpace::ruderman, LabSpace::cielab, LabSpace::cielab_8bit})
    if (name == name_of(space)) return space;
  throw Error(fmt::format("unknown space '{}'; expected {}", name, fmt::join(space_names, ", ")));
}

std::string name_of(LabSpace space) {
  return space_names[static_cast<std::size_t>(space)];
}

std::optional<LabMoments> lab_moments(const cv::Mat& rgb, const Densitometry& light, LabSpace space,
                                      Measured measured) {
  if (!has_stain(rgb, light)) return {};
  const int brightest = brightest_stained(light);
  const cv::Vec3d origin = origin_of(space);
  cv::Vec3d sum, squares;
  double count = 0, stained = 0;
  for_each_piece(rgb, [&](const cv::Mat& pixels, cv::Mat& other, cv::Mat& lab) {
    to_space(space, pixels, lab, other);
    for (int x = 0; x < pixels.cols; ++x) {
      const auto& pixel = pixels.at<cv::Vec3b>(x);
      const bool is_stained = std::max({pixel[0], pixel[1], pixel[2]}) <= brightest;
      stained += is_stained;
      if (measured == Measured::stained && !is_stained) continue;
      const cv::Vec3d value = cv::Vec3d(lab.at<cv::Vec3f>(x)) - origin;
      sum += value;
      squares += value.mul(value);
      ++count;
    }
  });
  if (stained < 2 || stained < least_stained_share * static_cast<double>(rgb.total())) return {};
  LabMoments moments{origin + sum / count, {}, space};
  for (int i = 0; i < 3; ++i) {
    moments.deviation[i] = std::sqrt(std::max(0.0, squares[i] / count - sum[i] / count * (sum[i] / count)));
    if (moments.deviation[i] < least_deviation) return {};
  }
  return moments;
}

LabTransfer::LabTransfer(const LabMoments& from, const LabMoments& to, bool cut_z)
    : space_(from.space), cut_z_(cut_z) {
  if (from.space != to.space) throw std::logic_error("moments of two spaces");
  cv::Vec3d scale;
  cv::divide(to.deviation, from.deviation, scale);
  cv::Matx33d linear = cv::Matx33d::diag(scale);
  cv::Vec3d constant = to.mean - scale.mul(from.mean);
  if (space_ == LabSpace::ruderman) {
    const cv::Matx33d lab_to_lms = lms_to_lab.inv();
    linear = lab_to_lms * linear * lms_to_lab;
    constant = lab_to_lms * constant;
  }
  cv::hconcat(linear, constant, change_);
}

void LabTransfer::apply(cv::Mat& rgb) const {
  const cv::Matx33d lms_to_rgb = rgb_to_lms.inv();
  for_each_piece(rgb, [&](cv::Mat& pixels, cv::Mat& a, cv::Mat& b) {
    if (space_ == LabSpace::ruderman) {
      to_logarithms(pixels, a, b);
      cv::transform(a, b, change_);
      cv::exp(b, a);
      cv::transform(a, b, lms_to_rgb);
      b.convertTo(pixels, CV_8U);  // cut to 0..255 and rounded; the size fits: written in place
      return;
    }
    to_space(space_, pixels, a, b);
    cv::transform(a, b, change_);
    cv::Mat steps = steps_in(a);
    if (space_ == LabSpace::cielab)
      from_cielab(b, pixels, cut_z_);
    else
      from_cielab_8bit(b, pixels, steps);
  });
}

}  // namespace flowrun::wsi
