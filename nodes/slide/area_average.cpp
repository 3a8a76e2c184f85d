// SPDX-License-Identifier: Apache-2.0
#include "area_average.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace flowrun::wsi {
namespace {

/// Pixels of the level in a block: about one of a file's own tiles.
constexpr int block_side = 256;

/// One side of a picture that is made of a longer one.
struct Side {
  int length, from;  // pixels of the picture, of the window

  double scale() const { return static_cast<double>(from) / length; }
  /// Pixels of the picture in a block.
  int step() const { return std::max(1, static_cast<int>(block_side / scale())); }
  int begin(int pixel) const { return std::min(static_cast<int>(pixel * scale()), from - 1); }
  int end(int pixel) const { return std::min(static_cast<int>(std::ceil(pixel * scale())), from); }
  /// How much of a pixel of the window lies in one of the picture.
  double share(int fine, int pixel) const {
    return std::max(0.0,
                    std::min(fine + 1.0, (pixel + 1) * scale()) - std::max<double>(fine, pixel * scale()));
  }
};

/// Adds up a row of the window: `sums` has three channels of each pixel from `cols.start` on.
void sum_row(const cv::Vec3b* fine, int first, const Side& side, cv::Range cols, cv::Vec3d* sums) {
  for (int col = cols.start; col < cols.end; ++col) {
    cv::Vec3d sum;
    for (int at = side.begin(col); at < side.end(col + 1); ++at)
      sum += side.share(at, col) * cv::Vec3d(fine[at - first]);
    sums[col - cols.start] = sum;
  }
}

/// A block of the picture, of the part of the window that begins at (x0, y0).
void average(const cv::Mat& fine, int x0, int y0, const Side& width, const Side& height, cv::Range cols,
             cv::Range rows, cv::Mat& rgb) {
  std::vector<cv::Vec3d> row_sums(static_cast<std::size_t>(cols.size()));
  cv::Mat sums = cv::Mat::zeros(rows.size(), cols.size(), CV_64FC3);
  for (int at = 0; at < fine.rows; ++at) {
    sum_row(fine.ptr<cv::Vec3b>(at), x0, width, cols, row_sums.data());
    for (int row = rows.start; row < rows.end; ++row) {
      const double share = height.share(y0 + at, row);
      if (share <= 0) continue;
      cv::Vec3d* const sum = sums.ptr<cv::Vec3d>(row - rows.start);
      for (std::size_t col = 0; col < row_sums.size(); ++col) sum[col] += share * row_sums[col];
    }
  }
  sums.convertTo(rgb(rows, cols), CV_8U, 1 / (width.scale() * height.scale()));
}

}  // namespace

void read_area_average(const Slide& slide, int level, std::int64_t x, std::int64_t y, cv::Size window,
                       cv::Mat& rgb) {
  const Side width{rgb.cols, window.width}, height{rgb.rows, window.height};
  for (int row = 0; row < rgb.rows; row += height.step())
    for (int col = 0; col < rgb.cols; col += width.step()) {
      const cv::Range rows(row, std::min(row + height.step(), rgb.rows));
      const cv::Range cols(col, std::min(col + width.step(), rgb.cols));
      const int x0 = width.begin(cols.start), y0 = height.begin(rows.start);
      cv::Mat fine(height.end(rows.end) - y0, width.end(cols.end) - x0, CV_8UC3);
      slide.read(level, x + x0, y + y0, fine);
      average(fine, x0, y0, width, height, cols, rows, rgb);
    }
}

std::size_t area_average_bytes(cv::Size window, cv::Size size) {
  const auto block = [](const Side& side) {
    return static_cast<std::size_t>(side.step() * side.scale()) + 2;
  };
  const Side width{size.width, window.width}, height{size.height, window.height};
  const auto sums = static_cast<std::size_t>(width.step()) * static_cast<std::size_t>(height.step() + 1);
  return block(width) * block(height) * (3 + PixelReader::scratch_per_pixel) + sums * sizeof(cv::Vec3d);
}

}  // namespace flowrun::wsi
