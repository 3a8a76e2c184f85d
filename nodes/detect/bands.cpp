// SPDX-License-Identifier: Apache-2.0
#include "bands.h"

#include <algorithm>
#include <opencv2/core.hpp>
#include <vector>

#include "nodes/base/limited_for.h"

namespace flowrun::wsi {
namespace {

constexpr int band_rows = 128;
/// Bands worked on at the same time.
constexpr int most_at_once = 8;

/// A band of rows with the rows that it depends on, as they were before any band was changed.
struct Band {
  cv::Range rows;
  cv::Mat above, below;
};

void filter_band(cv::Mat& image, const Band& band, const std::function<void(cv::Mat&)>& filter) {
  std::vector<cv::Mat> parts;
  for (const cv::Mat& part : {band.above, image.rowRange(band.rows), band.below})
    if (!part.empty()) parts.push_back(part);
  cv::Mat whole;
  cv::vconcat(parts, whole);
  filter(whole);
  whole.rowRange(band.above.rows, band.above.rows + band.rows.size()).copyTo(image.rowRange(band.rows));
}

}  // namespace

void for_each_band(int rows, const std::function<void(cv::Range)>& work) {
  limited_for((rows + band_rows - 1) / band_rows, most_at_once, [&](int band) {
    work({band * band_rows, std::min((band + 1) * band_rows, rows)});
  });
}

void filter_in_bands(cv::Mat& image, int reach, const std::function<void(cv::Mat&)>& filter) {
  std::vector<Band> bands;
  for (int top = 0; top < image.rows; top += band_rows) {
    const int bottom = std::min(top + band_rows, image.rows);
    bands.push_back({cv::Range(top, bottom), image.rowRange(std::max(top - reach, 0), top).clone(),
                     image.rowRange(bottom, std::min(bottom + reach, image.rows)).clone()});
  }
  limited_for(static_cast<int>(bands.size()), most_at_once,
              [&](int i) { filter_band(image, bands[static_cast<std::size_t>(i)], filter); });
}

std::size_t bands_scratch(int rows, int cols, int reach) {
  // The rows between bands, the bands at work, and the filter's copy of them.
  const int between = (std::max(rows, 1) - 1) / band_rows * 2 * reach;
  const int at_work = std::min(rows + between, most_at_once * (band_rows + 2 * reach));
  return static_cast<std::size_t>(between + 2 * at_work) * static_cast<std::size_t>(cols);
}

std::size_t most_bands_scratch(std::size_t pixels, int reach) {
  const std::size_t between = pixels * 2 * static_cast<std::size_t>(reach) / band_rows;
  return between + 2 * (pixels + between);
}

}  // namespace flowrun::wsi
