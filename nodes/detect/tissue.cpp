// SPDX-License-Identifier: Apache-2.0
#include "tissue.h"

#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <vector>

namespace flowrun::wsi {
namespace {

constexpr int band_rows = 128;
/// Opening and closing with a radius of 2 are four steps; a pixel depends on rows up to this far away.
constexpr int reach = 8;
/// Bands worked on at the same time.
constexpr int most_at_once = 8;

/// A band of rows with the rows that it depends on, as they were before any band was changed.
struct Band {
  cv::Range rows;
  cv::Mat above, below;
};

void open_and_close(cv::Mat& mask, const Band& band, const cv::Mat& ellipse) {
  std::vector<cv::Mat> parts;
  for (const cv::Mat& part : {band.above, mask.rowRange(band.rows), band.below})
    if (!part.empty()) parts.push_back(part);
  cv::Mat whole;
  cv::vconcat(parts, whole);
  cv::morphologyEx(whole, whole, cv::MORPH_OPEN, ellipse);
  cv::morphologyEx(whole, whole, cv::MORPH_CLOSE, ellipse);
  whole.rowRange(band.above.rows, band.above.rows + band.rows.size()).copyTo(mask.rowRange(band.rows));
}

/// Opens and closes band by band: in parallel, and without a second copy of the mask.
void open_and_close(cv::Mat& mask) {
  const cv::Mat ellipse = cv::getStructuringElement(cv::MORPH_ELLIPSE, {5, 5});
  std::vector<Band> bands;
  for (int top = 0; top < mask.rows; top += band_rows) {
    const int bottom = std::min(top + band_rows, mask.rows);
    bands.push_back({cv::Range(top, bottom), mask.rowRange(std::max(top - reach, 0), top).clone(),
                     mask.rowRange(bottom, std::min(bottom + reach, mask.rows)).clone()});
  }
  const int count = static_cast<int>(bands.size());
  for (int first = 0; first < count; first += most_at_once)
    tbb::this_task_arena::isolate([&] {
      tbb::parallel_for(first, std::min(first + most_at_once, count),
                        [&](int i) { open_and_close(mask, bands[static_cast<std::size_t>(i)], ellipse); });
    });
}

}  // namespace

void otsu_mask(cv::Mat& grey) {
  cv::threshold(grey, grey, 0, 255, cv::THRESH_BINARY_INV | cv::THRESH_OTSU);
  open_and_close(grey);
}

std::size_t otsu_scratch(int rows, int cols) {
  // The rows between bands, the bands at work, and what morphologyEx copies of them.
  const int between = (rows / band_rows + 1) * 2 * reach;
  const int at_work = std::min(rows + between, most_at_once * (band_rows + 2 * reach));
  return static_cast<std::size_t>(between + 2 * at_work) * static_cast<std::size_t>(cols);
}

}  // namespace flowrun::wsi
