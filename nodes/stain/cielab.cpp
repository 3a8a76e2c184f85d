// SPDX-License-Identifier: Apache-2.0
#include "cielab.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

/// Linear R, G, B of sRGB (ITU-R BT.709) to X, Y, Z relative to white.
const cv::Matx33f rgb_to_xyz(0.412453F / 0.95047F, 0.357580F / 0.95047F, 0.180423F / 0.95047F,  //
                             0.212671F, 0.715160F, 0.072169F,                                   //
                             0.019334F / 1.08883F, 0.119193F / 1.08883F, 0.950227F / 1.08883F);
const cv::Matx33f xyz_to_rgb = rgb_to_xyz.inv();

double linear(double srgb) {
  return srgb <= 0.04045 ? srgb / 12.92 : std::pow((srgb + 0.055) / 1.055, 2.4);
}

struct Levels {
  static constexpr int bins = 4096;
  std::array<float, 256> light;              ///< linear, by grey level
  std::array<float, 256> next;               ///< light from which the next level is the nearer one
  std::array<std::uint8_t, bins + 1> first;  ///< level of the darkest light in each of equal parts

  Levels() {
    for (std::size_t level = 0; level < 256; ++level) {
      light[level] = static_cast<float>(linear(static_cast<double>(level) / 255));
      next[level] =
          level == 255 ? INFINITY : static_cast<float>(linear((static_cast<double>(level) + 0.5) / 255));
    }
    std::uint8_t level = 0;
    for (std::size_t bin = 0; bin <= bins; ++bin) {
      while (static_cast<float>(bin) / bins >= next[level]) ++level;
      first[bin] = level;
    }
  }
  std::uint8_t nearest(float linear_light) const {
    const float cut = std::clamp(linear_light, 0.0F, 1.0F);
    std::uint8_t level = first[static_cast<std::size_t>(cut * bins)];
    while (cut >= next[level]) ++level;
    return level;
  }
};

const Levels& levels() {
  static const Levels all;
  return all;
}

float compressed(float part) {
  return part > 0.008856F ? cv::cubeRoot(part) : 7.787F * part + 16.0F / 116;
}
float expanded(float f) {
  return f > 0.2068966F ? f * f * f : (f - 16.0F / 116) / 7.787F;
}

}  // namespace

void to_cielab(const cv::Mat& rgb, cv::Mat& lab) {
  const auto& light = levels().light;
  for (int x = 0; x < rgb.cols; ++x) {
    const auto& p = rgb.at<cv::Vec3b>(x);
    const cv::Vec3f xyz = rgb_to_xyz * cv::Vec3f(light[p[0]], light[p[1]], light[p[2]]);
    const float fx = compressed(xyz[0]), fy = compressed(xyz[1]), fz = compressed(xyz[2]);
    lab.at<cv::Vec3f>(x) = {116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)};
  }
}

void from_cielab(const cv::Mat& lab, cv::Mat& rgb, bool cut_z) {
  const Levels& all = levels();
  const float least_fz = cut_z ? 0 : -INFINITY;
  for (int x = 0; x < rgb.cols; ++x) {
    const auto& value = lab.at<cv::Vec3f>(x);
    const float fy = (value[0] + 16) / 116;
    const float fz = std::max(fy - value[2] / 200, least_fz);
    const cv::Vec3f light = xyz_to_rgb * cv::Vec3f(expanded(fy + value[1] / 500), expanded(fy), expanded(fz));
    rgb.at<cv::Vec3b>(x) = {all.nearest(light[0]), all.nearest(light[1]), all.nearest(light[2])};
  }
}

void to_cielab_8bit(const cv::Mat& rgb, cv::Mat& lab, cv::Mat& steps) {
  cv::cvtColor(rgb, steps, cv::COLOR_RGB2Lab);
  for (int x = 0; x < rgb.cols; ++x) {
    const auto& s = steps.at<cv::Vec3b>(x);
    lab.at<cv::Vec3f>(x) = {static_cast<float>(s[0]) / 2.55F, static_cast<float>(s[1]) - 128,
                            static_cast<float>(s[2]) - 128};
  }
}

void from_cielab_8bit(const cv::Mat& lab, cv::Mat& rgb, cv::Mat& steps) {
  const auto step = [](float value) { return static_cast<std::uint8_t>(std::clamp(value, 0.0F, 255.0F)); };
  for (int x = 0; x < rgb.cols; ++x) {
    const auto& value = lab.at<cv::Vec3f>(x);
    steps.at<cv::Vec3b>(x) = {step(value[0] * 2.55F), step(value[1] + 128), step(value[2] + 128)};
  }
  cv::cvtColor(steps, rgb, cv::COLOR_Lab2RGB);
}

}  // namespace flowrun::wsi
