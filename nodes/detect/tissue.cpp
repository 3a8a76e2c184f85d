// SPDX-License-Identifier: Apache-2.0
#include "tissue.h"

#include <algorithm>
#include <opencv2/imgproc.hpp>

namespace flowrun::wsi {
namespace {

constexpr int band_rows = 512;
/// Opening and closing with a radius of 2 are four steps; a pixel depends on rows up to this far away.
constexpr int reach = 8;

/// Opens and closes band by band, so that no second copy of the mask is needed. Each band is worked on
/// together with the rows that it depends on, as they were before.
void open_and_close(cv::Mat& mask) {
  const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5});
  cv::Mat above, band;
  for (int top = 0; top < mask.rows; top += band_rows) {
    const int bottom = std::min(top + band_rows, mask.rows);
    const cv::Mat below = mask.rowRange(top, std::min(bottom + reach, mask.rows));
    if (above.empty())
      below.copyTo(band);
    else
      cv::vconcat(above, below, band);
    const int skip = above.rows;
    mask.rowRange(std::max(top, bottom - reach), bottom).copyTo(above);
    cv::morphologyEx(band, band, cv::MORPH_OPEN, ellipse);
    cv::morphologyEx(band, band, cv::MORPH_CLOSE, ellipse);
    band.rowRange(skip, skip + bottom - top).copyTo(mask.rowRange(top, bottom));
  }
}

}  // namespace

void otsu_mask(cv::Mat& grey) {
  cv::threshold(grey, grey, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
  open_and_close(grey);
}

std::size_t otsu_scratch(int rows, int cols) {
  // The band, and what morphologyEx copies of it.
  return 2 * static_cast<std::size_t>(std::min(rows, band_rows + 2 * reach)) * static_cast<std::size_t>(cols);
}

}  // namespace flowrun::wsi
