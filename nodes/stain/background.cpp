// SPDX-License-Identifier: Apache-2.0
#include "background.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <opencv2/core.hpp>
#include <utility>

#include "tissue.h"

namespace flowrun::wsi {
namespace {

constexpr int pixels_at_once = 1024;

}  // namespace

std::function<void(cv::Mat&)> keeping_background(std::function<void(cv::Mat&)> change,
                                                 const Densitometry& light) {
  return [change = std::move(change), brightest = brightest_stained(light)](cv::Mat& rgb) {
    std::array<cv::Vec3b, pixels_at_once> before;
    for (int y = 0; y < rgb.rows; ++y)
      for (int x = 0; x < rgb.cols; x += pixels_at_once) {
        cv::Mat piece = rgb(cv::Range(y, y + 1), cv::Range(x, std::min(rgb.cols, x + pixels_at_once)));
        auto* const pixels = piece.ptr<cv::Vec3b>();
        std::copy_n(pixels, piece.cols, before.begin());
        change(piece);
        for (int i = 0; i < piece.cols; ++i) {
          const cv::Vec3b& was = before[static_cast<std::size_t>(i)];
          if (std::min({was[0], was[1], was[2]}) > brightest) pixels[i] = was;
        }
      }
  };
}

std::function<void(cv::Mat&)> keeping_all_but_otsu_tissue(std::function<void(cv::Mat&)> change) {
  return [change = std::move(change)](cv::Mat& rgb) {
    cv::Mat glass = otsu_tissue(rgb);
    cv::bitwise_not(glass, glass);
    const cv::Mat before = rgb.clone();
    change(rgb);
    before.copyTo(rgb, glass);
  };
}

}  // namespace flowrun::wsi
