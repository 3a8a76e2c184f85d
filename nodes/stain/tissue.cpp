// SPDX-License-Identifier: Apache-2.0
#include "tissue.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>

#include "nodes/image/otsu.h"

namespace flowrun::wsi {
namespace {

constexpr int pixels_at_once = 1024;
constexpr int least_light = 204;                // 80 % of 255 steps: from there on it is glass
constexpr int frame = 10, disk = 2, step = 20;  // pixels; histolab's
constexpr int most_filled = 65535;              // rows that cv::floodFill can tell apart

using Counts = std::array<std::uint64_t, 256>;

int level_at(const Counts& counts, std::uint64_t rank) {
  int level = 0;
  for (std::uint64_t before = 0; before + counts[static_cast<std::size_t>(level)] <= rank; ++level)
    before += counts[static_cast<std::size_t>(level)];
  return level;
}

/// Linear between two neighbours, as NumPy has it.
double percentile(const Counts& counts, std::uint64_t all, double percent) {
  const double at = percent / 100 * static_cast<double>(all - 1);
  const auto rank = static_cast<std::uint64_t>(at);
  const int lower = level_at(counts, rank), upper = level_at(counts, std::min(rank + 1, all - 1));
  return lower + (at - static_cast<double>(rank)) * (upper - lower);
}

/// What each grey level becomes: 1 x 256, 8 bit.
cv::Mat stretching(const cv::Mat& rgb) {
  Counts counts{};
  for (int y = 0; y < rgb.rows; ++y)
    for (const std::uint8_t *p = rgb.ptr(y), *const end = p + 3L * rgb.cols; p < end; ++p) ++counts[*p];
  const std::uint64_t all = rgb.total() * 3;
  double low = percentile(counts, all, 2), high = percentile(counts, all, 98);
  if (low >= high) low = level_at(counts, 0), high = level_at(counts, all - 1);
  cv::Mat table(1, 256, CV_8U);
  for (int level = 0; level < 256; ++level)
    table.data[level] =
        low >= high ? static_cast<std::uint8_t>(level)
                    : static_cast<std::uint8_t>(std::clamp((level - low) / (high - low), 0.0, 1.0) * 255);
  return table;
}

/// Of a picture in a white frame: rows + 20 x cols + 20.
cv::Mat framed_grey(const cv::Mat& rgb) {
  cv::Mat grey(rgb.rows + 2 * frame, rgb.cols + 2 * frame, CV_8U, cv::Scalar(255));
  for (int y = 0; y < rgb.rows; ++y) {
    const auto* const pixels = rgb.ptr<cv::Vec3b>(y);
    std::uint8_t* const out = grey.ptr(y + frame) + frame;
    for (int x = 0; x < rgb.cols; ++x)  // 0.299, 0.587, 0.114 in 65,536 parts
      out[x] = static_cast<std::uint8_t>(
          (19595U * pixels[x][0] + 38470U * pixels[x][1] + 7471U * pixels[x][2] + 32768U) >> 16);
  }
  return grey;
}

int otsu_threshold(const cv::Mat& grey) {
  Histogram counts{};
  for (int y = 0; y < grey.rows; ++y)
    for (const std::uint8_t *p = grey.ptr(y), *const end = p + grey.cols; p < end; ++p) ++counts[*p];
  return otsu_split(counts).threshold;
}

/// 1 up to `disk` pixels from the middle.
cv::Mat disk_element() {
  cv::Mat element(2 * disk + 1, 2 * disk + 1, CV_8U);
  for (int y = -disk; y <= disk; ++y)
    for (int x = -disk; x <= disk; ++x)
      element.at<std::uint8_t>(y + disk, x + disk) = x * x + y * y <= disk * disk;
  return element;
}

/// Makes tissue of glass that is not reached from the frame, which is glass but for what tissue was dilated
/// by.
void fill_holes(cv::Mat& tissue) {
  const cv::Mat square = cv::Mat::ones(step, step, CV_8U);
  // Of even sides: so it reaches one pixel further up and to the left.
  const cv::Point middle(step / 2 - 1, step / 2 - 1);
  cv::Mat reached, next;
  cv::bitwise_not(tissue, tissue);
  if (tissue.rows <= most_filled) {
    // What hangs together with the frame, most of the glass, at once. It takes a plane or so meanwhile.
    cv::floodFill(tissue, {0, 0}, 1, nullptr, {}, {}, 8);
    cv::compare(tissue, 1, reached, cv::CMP_EQ);
  } else {
    constexpr int glass = frame - disk;
    reached = cv::Mat(tissue.size(), CV_8U, cv::Scalar(255));
    reached(cv::Rect(glass, glass, tissue.cols - 2 * glass, tissue.rows - 2 * glass)) = 0;
  }
  for (int before = 0, now = 1; now != before;) {
    before = now;
    cv::dilate(reached, next, square, middle);
    cv::min(next, tissue, reached);  // both not 0
    now = cv::countNonZero(reached);
  }
  cv::compare(reached, 0, tissue, cv::CMP_EQ);
}

}  // namespace

cv::Mat dark_pixels(const cv::Mat& rgb) {
  if (rgb.empty()) return {};
  const cv::Mat table = stretching(rgb);
  cv::Mat found(1, static_cast<int>(rgb.total()), CV_8UC3);
  int count = 0;
  std::array<std::uint8_t, 3 * pixels_at_once> first, second;
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; x += pixels_at_once) {
      const cv::Mat pixels = rgb(cv::Range(y, y + 1), cv::Range(x, std::min(rgb.cols, x + pixels_at_once)));
      cv::Mat stretched(pixels.size(), CV_8UC3, first.data()), lab(pixels.size(), CV_8UC3, second.data());
      cv::LUT(pixels, table, stretched);
      cv::cvtColor(stretched, lab, cv::COLOR_RGB2Lab);
      for (int i = 0; i < pixels.cols; ++i)
        if (lab.at<cv::Vec3b>(i)[0] < least_light) found.at<cv::Vec3b>(count++) = pixels.at<cv::Vec3b>(i);
    }
  return found.colRange(0, count);
}

cv::Mat otsu_tissue(const cv::Mat& rgb) {
  cv::Mat grey = framed_grey(rgb), tissue;
  cv::compare(grey, otsu_threshold(grey), grey, cv::CMP_LT);
  cv::dilate(grey, tissue, disk_element());
  grey.release();
  fill_holes(tissue);
  return tissue(cv::Rect(frame, frame, rgb.cols, rgb.rows));
}

std::size_t otsu_tissue_plane(std::size_t pixels) {
  const auto side = static_cast<std::size_t>(std::ceil(std::sqrt(static_cast<double>(pixels))));
  const std::size_t beside_square = 4 * frame * (side + frame), beside_256 = pixels / 12 + 300 * 2 * frame;
  return pixels + std::max(beside_square, beside_256);
}

cv::Mat pixels_in(const cv::Mat& mask, const cv::Mat& rgb) {
  cv::Mat found(1, cv::countNonZero(mask), CV_8UC3);
  int count = 0;
  for (int y = 0; y < rgb.rows; ++y)
    for (int x = 0; x < rgb.cols; ++x)
      if (mask.at<std::uint8_t>(y, x) != 0) found.at<cv::Vec3b>(count++) = rgb.at<cv::Vec3b>(y, x);
  return found;
}

}  // namespace flowrun::wsi
